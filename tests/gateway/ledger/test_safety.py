"""What is said of a Redis that may lose the ledger; and a cache on a Redis of its own."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from redis.asyncio import Redis

from fairlead_gateway.cache import KEY_PREFIX
from fairlead_gateway.ledger.keys import STREAM
from fairlead_gateway.ledger.safety import LedgerSafety
from fairlead_gateway.ledger_metrics import LedgerMetrics
from fairlead_gateway.redis_address import RedisAddress
from fairlead_gateway.redis_link import RedisLink
from tests.gateway.builders import lost_redis
from tests.gateway.support.gateway import chat, running_gateway
from tests.gateway.support.upstream import Upstream
from tests.support.valkey import valkey_on

LOGGER = "fairlead_gateway.ledger.safety"


@pytest.fixture
async def own(redis: Redis) -> AsyncIterator[Redis]:
    """The Valkey of these tests, whose settings are put back at the end."""
    before = {name: (await redis.config_get(name))[name] or "" for name in ("maxmemory-policy", "appendonly")}
    yield redis
    for name, value in before.items():
        await redis.config_set(name, value)


def risks(registry: CollectorRegistry) -> dict[str, float]:
    return {
        sample.labels["setting"]: sample.value
        for metric in registry.collect()
        for sample in metric.samples
        if sample.name == "fairlead_ledger_at_risk"
    }


async def test_a_redis_that_may_lose_the_ledger_is_told_once(
    own: Redis, link: RedisLink, caplog: pytest.LogCaptureFixture
) -> None:
    """Each wrong setting is a warning that says what to set, once until it was right, and a metric all the time."""
    registry = CollectorRegistry()
    safety = LedgerSafety(link, LedgerMetrics(registry))
    await own.config_set("maxmemory-policy", "allkeys-lru")
    await own.config_set("appendonly", "no")
    await safety.look()
    await safety.look()
    told = [line.getMessage() for line in caplog.records if line.name == LOGGER]
    assert len(told) == 2
    assert "set maxmemory-policy noeviction" in told[0]
    assert "set appendonly yes" in told[1]
    assert risks(registry) == {"maxmemory-policy": 1, "appendonly": 1}
    await own.config_set("maxmemory-policy", "noeviction")
    await safety.look()
    assert risks(registry) == {"maxmemory-policy": 0, "appendonly": 1}
    await own.config_set("maxmemory-policy", "volatile-lru")
    await safety.look()
    assert len([line for line in caplog.records if line.name == LOGGER]) == 3


async def test_nothing_is_said_of_what_is_not_known(
    own: Redis, link: RedisLink, valkey: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A Redis that refuses the question, as managed ones do, or does not answer, causes no warning and no metric."""
    caplog.set_level(logging.WARNING)
    await own.acl_setuser("asker", enabled=True, passwords=["+x"], commands=["+@all", "-config"], keys=["*"])
    greeting = (("AUTH", "asker", "x"),)
    refused = RedisLink(RedisAddress(path=str(valkey), greeting=greeting), deadline_s=30)
    registry = CollectorRegistry()
    metric = LedgerMetrics(registry)
    try:
        for asked in (refused, lost_redis()):
            await LedgerSafety(asked, metric).look()
    finally:
        await refused.aclose()
        await own.acl_deluser("asker")
    assert risks(registry) == {}
    assert not [line for line in caplog.records if line.name == LOGGER]


@asynccontextmanager
async def second_valkey(**settings: Any) -> AsyncIterator[tuple[Path, Redis]]:
    """Another Valkey, with its client."""
    with TemporaryDirectory(prefix="fl-") as folder:
        socket = Path(folder) / "valkey.sock"
        with valkey_on(socket):
            async with Redis(unix_socket_path=str(socket)) as client:
                for name, value in settings.items():
                    await client.config_set(name.replace("_", "-"), value)
                yield socket, client


async def test_a_cache_on_a_redis_of_its_own(
    tmp_path: Path, valkey: Path, redis: Redis, upstream: Upstream, caplog: pytest.LogCaptureFixture
) -> None:
    """Answers are kept on the one Redis, which may evict them, and counters and ledger on the other."""
    caplog.set_level(logging.INFO)
    question = chat(temperature=0)
    async with second_valkey(maxmemory_policy="allkeys-lru") as (socket, cache):
        async with running_gateway(tmp_path, valkey, upstream.port, cache_redis_url=f"unix://{socket}") as gateway:
            answers = []
            for _ in range(2):
                answers.append(await gateway.ask("/v1/chat/completions", question, tenant="counted"))
                await gateway.settled()
            await cache.flushall()
            answers.append(await gateway.ask("/v1/chat/completions", question, tenant="counted"))
        assert [answer.headers["x-fairlead-cache"] for answer in answers] == ["miss", "hit", "miss"]
        theirs, ours = [set(map(str, await each.keys("*"))) for each in (cache, redis)]
    assert theirs
    assert all(KEY_PREFIX in key for key in theirs)
    assert not any(KEY_PREFIX in key for key in ours)
    assert await redis.xlen(STREAM) == 3
    assert "the response cache lies on a Redis of its own" in caplog.text
