"""Daily quotas, money, parallel requests and limits of keys, in a real Valkey."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from fairlead_contract.errors import LimiterUnavailable, QuotaExhausted, RateLimited
from fairlead_contract.tenants import Limits
from fairlead_gateway.call import rewrite
from fairlead_gateway.costs import BILLION, Cost, money, unpriced
from fairlead_gateway.endpoints import Dialect
from fairlead_gateway.envelope import render
from fairlead_gateway.limit_store import DAY_S, GENERATION, LimitStore, Settlement
from fairlead_gateway.limits import Limiter, LimitExceeded, Outcome, Reservation, WhenRedisLost
from fairlead_gateway.redis_address import RedisAddress
from fairlead_gateway.redis_link import RedisLink
from fairlead_gateway.usage import Usage, usage_in
from fairlead_gateway.windows import Charge
from tests.gateway.builders import ACME, GLOBEX, call, lost_redis, route, tenant_directory
from tests.gateway.support.limit_model import LimitModel

KEY = replace(ACME, key_id="0123456789ab", key_limits=Limits(tokens_per_day=1000))
PROMPT_BOUND = 45 + 64
"""Bytes of the builders' prompt, and what a chat template may add."""


def priced(_model: str, usage: Usage) -> int:
    """0.10 per million tokens of the prompt, 0.40 per million of the answer."""
    return usage.prompt_tokens * 100 + usage.completion_tokens * 400


async def limiter(redis: RedisLink, *, cost: Cost = unpriced, lease_s: float = 15, **limits: Limits) -> Limiter:
    """A limiter whose Redis has been found empty, and nothing to put back."""
    made = Limiter(redis, tenant_directory(**limits), cost=cost, lease_s=lease_s, restore_s=0)
    await made.keeper.beat()
    return made


def per_day(count: int) -> Limits:
    return Limits(tokens_per_day=count)


def left(reservation: Reservation, unit: str) -> str:
    return dict(reservation.headers())[f"x-ratelimit-remaining-{unit}"]


async def used_today(redis: Redis, key: str) -> int:
    day = int((await redis.time())[0]) // DAY_S
    return int(await redis.get(f"fairlead:limit:{key}:{day}") or 0)


async def test_a_quota_reserves_all_that_a_request_can_use(redis: Redis, link: RedisLink) -> None:
    """Each byte of the prompt may be a token, and each answer as long as stated."""
    limits = await limiter(link, acme=per_day(10_000))
    reservation = await limits.reserve(limits.plan(ACME, route(), call(max_tokens=200, n=2)))
    assert await used_today(redis, "tenant:acme:tokens-day") == PROMPT_BOUND + 400
    await limits.settle(reservation, Usage(12, 300), Outcome.COMPLETED)
    assert await used_today(redis, "tenant:acme:tokens-day") == 312


async def test_an_exhausted_quota_says_whose_what_is_left_and_when_it_resets(link: RedisLink) -> None:
    """The refusal has a code of its own, and no client retries it by itself."""
    limits = await limiter(link, acme=per_day(500))
    await limits.reserve(limits.plan(ACME, route(), call(max_tokens=300)))
    with pytest.raises(LimitExceeded) as raised:
        await limits.reserve(limits.plan(ACME, route(), call(max_tokens=300)))
    error = raised.value
    assert isinstance(error, QuotaExhausted)
    assert "Your quota of 500 tokens per day does not cover this request: 91 left, up to 409 needed" in error.message
    assert "It resets at 00:00 UTC, in " in error.message
    assert 0 < (error.retry_after_s or 0) <= DAY_S
    status, headers, body = render(error, "openai", "r")
    told = dict(headers)
    assert (status, told["x-should-retry"]) == (429, "false")
    assert (told["x-ratelimit-limit-tokens-day"], told["x-ratelimit-remaining-tokens-day"]) == ("500", "91")
    assert 1 <= int(told["retry-after"]) <= DAY_S
    assert b'"code":"insufficient_quota"' in body


async def test_a_quota_does_not_refuse_the_first_request_that_states_no_bound(link: RedisLink) -> None:
    """What a small quota is charged for an unstated answer is a quarter of it, and the engine is told that bound."""
    limits = await limiter(link, acme=per_day(1000))
    asked = call()
    reservation = await limits.reserve(limits.plan(ACME, route(), asked))
    assert reservation.answer_bound == 250
    assert b'"max_completion_tokens":250' in rewrite(asked, route(), None, answer_bound=reservation.answer_bound)
    stated = await limits.reserve(limits.plan(ACME, route(), call(max_tokens=7)))
    assert stated.answer_bound is None


@pytest.mark.parametrize(
    "usage, outcome, used",
    [
        (Usage(20, 30), Outcome.COMPLETED, 50),
        (Usage(20, 30), Outcome.ABORTED, 50),
        (Usage(20, 980), Outcome.COMPLETED, 1000),
        (None, Outcome.FAILED, 0),
        (None, Outcome.CACHED, 0),
        (None, Outcome.COMPLETED, PROMPT_BOUND + 200),
    ],
)
async def test_settling_a_quota_leaves_what_was_used(
    redis: Redis, link: RedisLink, usage: Usage | None, outcome: Outcome, used: int
) -> None:
    """Too much reserved comes back at once, too little is charged, and a second settlement changes nothing."""
    limits = await limiter(link, acme=per_day(2000))
    reservation = await limits.reserve(limits.plan(ACME, route(), call(max_tokens=200)))
    for _ in range(2):
        await limits.settle(reservation, usage, outcome)
    assert await used_today(redis, "tenant:acme:tokens-day") == used


async def test_redis_settles_a_reservation_once_whoever_asks(redis: Redis, link: RedisLink) -> None:
    """A settlement that is sent again, because its answer was lost, changes nothing."""
    limits = await limiter(link, acme=per_day(2000))
    reservation = await limits.reserve(limits.plan(ACME, route(), call(max_tokens=200)))
    changes = (reservation.charges[0]._replace(cost=-300),)
    again = Settlement(reservation.id, reservation.decision.slot, hard=True, changes=changes)
    assert [await limits._store.settle(again) for _ in range(3)] == [1, 0, 0]
    assert await used_today(redis, "tenant:acme:tokens-day") == PROMPT_BOUND + 200 - 300


async def test_a_request_across_midnight_settles_in_the_day_in_which_it_reserved(redis: Redis, link: RedisLink) -> None:
    """Yesterday's refund does not lower what is used today."""
    limits = await limiter(link, acme=per_day(2000))
    reservation = await limits.reserve(limits.plan(ACME, route(), call(max_tokens=200)))
    now, store = int((await redis.time())[0]), limits._store
    today, key = now // DAY_S, "fairlead:limit:tenant:acme:tokens-day"
    await redis.hset(store._open, reservation.id, now - DAY_S)
    await redis.set(f"{key}:{today - 1}", 1000)
    await limits.settle(reservation, Usage(5, 7), Outcome.COMPLETED)
    assert int(await redis.get(f"{key}:{today}") or 0) == PROMPT_BOUND + 200
    assert int(await redis.get(f"{key}:{today - 1}") or 0) == 1000 - (PROMPT_BOUND + 200) + 12


async def test_money_is_counted_exactly(redis: Redis, link: RedisLink) -> None:
    """A budget is reserved and settled in billionths, and told in whole units."""
    limits = await limiter(link, cost=priced, acme=Limits(cost_per_day=0.001))
    reservation = await limits.reserve(limits.plan(ACME, route(), call(max_tokens=1000)))
    assert await used_today(redis, "tenant:acme:cost-day") == PROMPT_BOUND * 100 + 400_000
    assert left(reservation, "cost-day") == money(BILLION // 1000 - PROMPT_BOUND * 100 - 400_000)
    await limits.settle(reservation, Usage(10, 20), Outcome.COMPLETED)
    assert await used_today(redis, "tenant:acme:cost-day") == 9000
    with pytest.raises(QuotaExhausted, match=r"quota of 0\.001 money per day"):
        await limits.reserve(limits.plan(ACME, route(), call(max_tokens=10_000)))


async def test_the_largest_budget_is_counted_to_the_billionth(redis: Redis, link: RedisLink) -> None:
    """A million units less one billionth are written and read as such."""
    limits = await limiter(link, cost=lambda *_: 10**15 - 1, acme=Limits(cost_per_day=1_000_000))
    reservation = await limits.reserve(limits.plan(ACME, route(), call(max_tokens=1)))
    assert await used_today(redis, "tenant:acme:cost-day") == 10**15 - 1
    assert left(reservation, "cost-day") == "0.000000001"


async def test_a_model_without_a_price_costs_nothing_of_a_budget(link: RedisLink) -> None:
    """Where nothing is charged nothing is asked, even while Redis is lost."""
    limits = Limiter(lost_redis(), tenant_directory(acme=Limits(cost_per_day=1)))
    assert (await limits.reserve(limits.plan(ACME, route(), call()))).buckets == ()


async def test_a_key_has_limits_of_its_own_within_its_tenants(link: RedisLink) -> None:
    """One key's quota is used up while the tenant's other credentials go on."""
    limits = await limiter(link, acme=per_day(100_000))
    with pytest.raises(RateLimited, match="Your API key's quota of 1000 tokens per day"):
        await limits.reserve(limits.plan(KEY, route(), call(max_tokens=2000)))
    reservation = await limits.reserve(limits.plan(KEY, route(), call(max_tokens=500)))
    assert left(reservation, "tokens-day") == str(1000 - PROMPT_BOUND - 500)
    await limits.reserve(limits.plan(ACME, route(), call(max_tokens=2000)))


async def test_a_models_quota_holds_over_all_tenants(link: RedisLink) -> None:
    """`spec.limits` caps a day of the model, whoever asks."""
    limits = await limiter(link)
    capped = route(limits=per_day(1000))
    await limits.reserve(limits.plan(ACME, capped, call(max_tokens=500)))
    with pytest.raises(QuotaExhausted, match="The model `demo`'s quota"):
        await limits.reserve(limits.plan(GLOBEX, capped, call(max_tokens=500)))


async def test_parallel_requests_are_those_that_run_now(link: RedisLink) -> None:
    """The next one fits as soon as one has ended, however it ended."""
    limits = await limiter(link, acme=Limits(parallel_requests=2))
    running = [await limits.reserve(limits.plan(ACME, route(), call())) for _ in range(2)]
    assert left(running[1], "parallel") == "0"
    with pytest.raises(RateLimited, match="Your limit of 2 parallel requests is reached: 0 left") as raised:
        await limits.reserve(limits.plan(ACME, route(), call()))
    assert raised.value.code == "rate_limit_exceeded"
    await limits.settle(running[0], Usage(12, 0), Outcome.ABORTED)
    await limits.reserve(limits.plan(ACME, route(), call()))


async def test_a_dead_gateways_share_comes_back_and_a_living_ones_stays(valkey: Path, redis: Redis) -> None:
    """Leases end by themselves, unless their gateway renews them."""
    links = [RedisLink(RedisAddress(path=str(valkey)), deadline_s=30) for _ in range(2)]
    limits = Limits(parallel_requests=2)
    dead, living = [await limiter(link, lease_s=0.5, acme=limits) for link in links]
    await dead.reserve(dead.plan(ACME, route(), call()))
    await living.reserve(living.plan(ACME, route(), call()))
    renewing = asyncio.create_task(living.keeper.run(interval_s=0.05))
    with pytest.raises(RateLimited):
        await living.reserve(living.plan(ACME, route(), call()))
    await redis.blpop(["nothing comes"], timeout=0.7)
    await living.reserve(living.plan(ACME, route(), call()))
    with pytest.raises(RateLimited):
        await living.reserve(living.plan(ACME, route(), call()))
    renewing.cancel()
    for link in links:
        await link.aclose()


async def test_a_request_that_ends_is_not_renewed_after_its_end(redis: Redis, link: RedisLink) -> None:
    """A lease that is given back while others are renewed stays given back."""
    running = {"one": {"gateway:1": None}, "two": {"gateway:1": None}}
    renewing = asyncio.create_task(LimitStore(link).renew(running))
    await asyncio.sleep(0)
    del running["two"]
    await renewing
    assert (await redis.zcard("one"), await redis.zcard("two")) == (1, 0)


async def test_without_redis_quotas_are_closed_whatever_the_policy() -> None:
    """A hard quota that cannot be checked is not waved through."""
    tenants = tenant_directory(acme=per_day(1000))
    limits = Limiter(lost_redis(), tenants, when_lost=WhenRedisLost.LOCAL)
    with pytest.raises(LimiterUnavailable):
        await limits.reserve(limits.plan(ACME, route(), call()))


async def test_without_redis_the_local_policy_holds_parallel_requests_to_a_share() -> None:
    """Each of two gateways lets half of them run, and those that end make room."""
    tenants = tenant_directory(acme=Limits(parallel_requests=4, requests_per_minute=100))
    limits = Limiter(lost_redis(), tenants, when_lost=WhenRedisLost.LOCAL, gateways=2)
    running = [await limits.reserve(limits.plan(ACME, route(), call())) for _ in range(2)]
    with pytest.raises(RateLimited):
        await limits.reserve(limits.plan(ACME, route(), call()))
    await limits.settle(running[0], None, Outcome.FAILED)
    again = await limits.reserve(limits.plan(ACME, route(), call()))
    assert left(again, "requests") == "48"


async def test_a_request_that_is_cancelled_while_it_reserves_costs_nothing(redis: Redis, link: RedisLink) -> None:
    """What Redis may have charged without our knowing is taken back."""
    limits = await limiter(link, acme=per_day(1000))
    asking = asyncio.create_task(limits.reserve(limits.plan(ACME, route(), call(max_tokens=100))))
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await limits.keeper.beat()
    assert await used_today(redis, "tenant:acme:tokens-day") == 0


async def test_nothing_stays_in_redis_for_ever(redis: Redis, link: RedisLink) -> None:
    """Every key but the generation expires, the marks of a gateway that died too."""
    limits = await limiter(link, acme=Limits(tokens_per_day=1000, parallel_requests=5))
    await limits.reserve(limits.plan(ACME, route(), call(max_tokens=10)))
    forever = [key for key in await redis.keys("*") if await redis.ttl(key) < 0]
    assert forever == [GENERATION.encode()]


async def test_an_emptied_redis_is_told_what_went_through_in_the_last_minute(redis: Redis, link: RedisLink) -> None:
    """FLUSHALL does not refill a limit per minute that is used up."""
    limits = await limiter(link, acme=Limits(requests_per_minute=3))
    for _ in range(3):
        await limits.reserve(limits.plan(ACME, route(), call()))
    await redis.flushall()
    await limits.keeper.beat()
    with pytest.raises(RateLimited, match="0 left, 1 needed"):
        await limits.reserve(limits.plan(ACME, route(), call()))


@pytest.mark.parametrize(
    "usage",
    [
        pytest.param(
            b'{"usage": {"prompt_tokens": 9, "completion_tokens": 50, "completion_tokens_details": '
            b'{"reasoning_tokens": 40}}}',
            id="reasoning",
        ),
        pytest.param(
            b'{"response": {"usage": {"input_tokens": 9, "output_tokens": 50, "output_tokens_details": '
            b'{"reasoning_tokens": 40}}}}',
            id="the Responses API",
        ),
    ],
)
async def test_reasoning_and_the_responses_api_settle_to_what_the_engine_counted(
    redis: Redis, link: RedisLink, usage: bytes
) -> None:
    """Tokens that nobody sees are charged as those that are seen, once, and no API settles to nothing."""
    limits = await limiter(link, acme=per_day(1000))
    reservation = await limits.reserve(limits.plan(ACME, route(), call(max_tokens=50)))
    await limits.settle(reservation, usage_in(usage, Dialect.RESPONSES), Outcome.COMPLETED)
    assert await used_today(redis, "tenant:acme:tokens-day") == 59


async def test_an_image_in_the_prompt_is_reserved_by_its_bytes(link: RedisLink) -> None:
    """No picture's tokens can pass a quota unreserved: each byte of its encoding counts until it is settled."""
    limits = await limiter(link, acme=per_day(10_000))
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 6000}}
    messages = [{"role": "user", "content": [{"type": "text", "text": "What is this?"}, image]}]
    reservation = await limits.reserve(limits.plan(ACME, route(), call(messages=messages, max_tokens=10)))
    assert reservation.charges[0].cost > 6000
    with pytest.raises(QuotaExhausted):
        await limits.reserve(limits.plan(ACME, route(), call(messages=messages, max_tokens=10)))


STEPS = st.lists(
    st.tuples(st.sampled_from(["a", "b"]), st.integers(1, 12), st.integers(-12, 12), st.booleans()),
    min_size=1,
    max_size=25,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
async def test_the_scripts_do_what_the_model_does_with_every_kind(
    redis: Redis, link: RedisLink, steps: list[tuple[str, int, int, bool]]
) -> None:
    """Windows, days and parallel requests in one reservation leave the same buckets in Redis and in the model."""
    await redis.flushall()
    store, model = LimitStore(link, restore_s=0), LimitModel()
    await store.restore({})
    for key, cost, difference, ends in steps:
        id_ = store.new_id()
        charges = [Charge(f"{key}:w", 30, cost), Charge("day", 60, cost, "d"), Charge(f"{key}:p", 3, 1, "p")]
        real = await store.reserve(charges, id_=id_, hard=True)
        expected = model.reserve(charges, id_, real.slot)
        assert (real.allowed, _used(real.states)) == (expected.allowed, _used(expected.states))
        if real.allowed and ends:
            changes = tuple(
                charge._replace(cost=-1 if charge.kind == "p" else max(difference, -charge.cost)) for charge in charges
            )
            for _ in range(2):
                await store.settle(Settlement(id_, real.slot, hard=True, changes=changes))
                model.settle(changes, id_, real.slot)


def _used(states: Sequence[Any]) -> list[int]:
    return [state.used for state in states]
