"""A real Valkey for all of the gateway's tests, emptied before each one that asks for it; and whole gateways.

The tests run on uvloop, as the gateway does.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import uvloop
from redis.asyncio import Redis

from fairlead_gateway.redis_address import RedisAddress
from fairlead_gateway.redis_link import RedisLink
from tests.gateway.support.gateway import Gateway, running_gateway
from tests.gateway.support.upstream import Upstream, running_upstream
from tests.support.valkey import valkey_on


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run every test of this folder on the event loop that the gateway runs on."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture(scope="session")
def valkey() -> Iterator[Path]:
    """The Unix socket of a running Valkey; a short path, for such paths are bounded."""
    with TemporaryDirectory(prefix="fl-") as folder:
        socket = Path(folder) / "valkey.sock"
        with valkey_on(socket):
            yield socket


@pytest.fixture
async def redis(valkey: Path) -> AsyncIterator[Redis]:
    """A client of an empty Valkey."""
    async with Redis(unix_socket_path=str(valkey)) as client:
        await client.flushall()
        yield client


@pytest.fixture
async def link(valkey: Path, redis: Redis) -> AsyncIterator[RedisLink]:
    """The gateway's own link to that Valkey, with more patience than any busy machine needs."""
    link = RedisLink(RedisAddress(path=str(valkey)), deadline_s=30)
    yield link
    await link.aclose()


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    """An upstream that answers every request with a short chat, unless the test gives it another script."""
    async with running_upstream() as upstream:
        yield upstream


@pytest.fixture
async def gateway(tmp_path: Path, valkey: Path, redis: Redis, upstream: Upstream) -> AsyncIterator[Gateway]:
    """A gateway before that upstream, with an empty Valkey."""
    async with running_gateway(tmp_path, valkey, upstream.port) as gateway:
        yield gateway
