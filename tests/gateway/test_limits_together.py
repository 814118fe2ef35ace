"""Four gateways on one Valkey: hard quotas are never exceeded, and at the end everything is settled to the token."""

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from fairlead_contract.errors import RateLimited
from fairlead_contract.tenants import Limits
from fairlead_gateway.limit_store import DAY_S, Settlement
from fairlead_gateway.limits import Limiter, Outcome
from fairlead_gateway.redis_address import RedisAddress
from fairlead_gateway.redis_link import RedisLink
from fairlead_gateway.usage import Usage
from fairlead_gateway.windows import Charge, Decision
from tests.gateway.builders import ACME, call, route, tenant_directory
from tests.gateway.support.limit_checker import LimitChecker

PARALLEL = 30
LIMITS = Limits(
    requests_per_minute=1_000_000,
    tokens_per_minute=10_000_000,
    parallel_requests=PARALLEL,
    tokens_per_day=150_000,
    cost_per_day=1000,
)
ASKED = call(max_tokens=60)
ENDINGS = (Outcome.COMPLETED, Outcome.COMPLETED, Outcome.ABORTED, Outcome.FAILED)


def tokens_as_money(_model: str, usage: Usage) -> int:
    return usage.total_tokens


@pytest.fixture
async def gateways(valkey: Path, redis: Redis) -> AsyncIterator[list[Limiter]]:
    """Four limiters, each with its own link, as four gateways have; windows so long that none ends during a test."""
    links = [RedisLink(RedisAddress(path=str(valkey)), deadline_s=30) for _ in range(4)]
    tenants = tenant_directory(acme=LIMITS)
    limiters = [Limiter(link, tenants, cost=tokens_as_money, window_s=36_000, restore_s=0) for link in links]
    for limiter in limiters:
        await limiter.keeper.beat()
    yield limiters
    for link in links:
        await link.aclose()


async def one_request(limiter: Limiter, checker: LimitChecker, number: int, chance: random.Random) -> None:
    """Reserve, run for a few turns of the event loop, end in one of many ways, settle."""
    try:
        reservation = await limiter.reserve(limiter.plan(ACME, route(), ASKED))
    except RateLimited:
        checker.refused += 1
        await asyncio.sleep(0)
        return
    day = next(charge for charge in reservation.charges if charge.key.endswith("tokens-day"))
    checker.began(number, day.cost)
    checker.seen(reservation.decision.states[reservation.charges.index(day)].used)
    for _ in range(chance.randrange(4)):
        await asyncio.sleep(0)
    outcome = chance.choice(ENDINGS)
    usage = Usage(chance.randrange(1, 40), chance.randrange(60)) if chance.random() < 0.7 else None
    if usage is None and outcome is Outcome.COMPLETED:
        outcome = Outcome.CACHED
    if usage is None and outcome is Outcome.ABORTED:
        usage = Usage(reservation.prompt_tokens, 0)
    checker.ended(number, 0 if usage is None else usage.total_tokens)
    await limiter.settle(reservation, usage, outcome)


async def load(gateways: list[Limiter], checker: LimitChecker, count: int, *, seed: int) -> None:
    """Send so many requests through all gateways, from fifteen clients each."""
    numbers = iter(range(count))

    async def client(limiter: Limiter, chance: random.Random) -> None:
        for number in numbers:
            await one_request(limiter, checker, number, chance)

    await asyncio.gather(
        *(client(limiter, random.Random(f"{seed}/{i}/{j}")) for i, limiter in enumerate(gateways) for j in range(15))
    )


async def judged(redis: Redis, checker: LimitChecker) -> list[str]:
    """Compare Redis with the checker's books; return the faults."""
    day = int((await redis.time())[0]) // DAY_S
    prefix = "fairlead:limit:tenant:acme"
    for unit in ("tokens-day", "cost-day"):
        used = int(await redis.get(f"{prefix}:{unit}:{day}") or 0)
        checker.final(used=used, running=await redis.zcard(f"{prefix}:parallel"))
    checker.final(used=int(await redis.hget(f"{prefix}:tokens", "used") or 0), running=0)
    return checker.faults


async def test_no_quota_is_exceeded_and_all_is_settled(redis: Redis, gateways: list[Limiter]) -> None:
    """Of twelve thousand requests, half of them broken off or failing, the counters agree with the books."""
    checker = LimitChecker(quota=150_000, parallel=PARALLEL)
    await load(gateways, checker, 12_000, seed=1)
    assert await judged(redis, checker) == []
    assert checker.granted + checker.refused == 12_000
    assert checker.granted > 2000
    assert checker.refused > 1000
    assert checker.spent > 140_000


async def test_the_checker_sees_a_double_charge(redis: Redis, gateways: list[Limiter]) -> None:
    """One reservation of hundreds that is charged twice is found."""
    once = gateways[0]._store.reserve
    seeded: list[Decision] = []

    async def reserve(charges: list[Charge], **named: Any) -> Decision:
        if len(seeded) < 1:
            seeded.append(await once(charges, **named | {"id_": "another"}))
        return await once(charges, **named)

    gateways[0]._store.reserve = reserve  # type: ignore[assignment,method-assign]
    checker = LimitChecker(quota=150_000, parallel=PARALLEL)
    await load(gateways, checker, 500, seed=2)
    assert any("were used" in fault for fault in await judged(redis, checker))


async def test_the_checker_sees_a_lost_refund(redis: Redis, gateways: list[Limiter]) -> None:
    """One settlement of hundreds that does not happen is found."""
    once = gateways[0]._store.settle
    seeded: list[Settlement] = []

    async def settle(settlement: Settlement) -> int:
        if len(seeded) < 1:
            seeded.append(settlement)
            return 1
        return await once(settlement)

    gateways[0]._store.settle = settle  # type: ignore[method-assign]
    checker = LimitChecker(quota=150_000, parallel=PARALLEL)
    await load(gateways, checker, 500, seed=3)
    assert any("were used" in fault for fault in await judged(redis, checker))
