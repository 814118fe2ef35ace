"""Limits in a real Valkey: what is admitted, what is told, and what is left after settling."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from fairlead_contract.errors import LimiterUnavailable, RateLimited
from fairlead_contract.tenants import Limits
from fairlead_gateway.limit_store import Settlement
from fairlead_gateway.limits import Limiter, LimitExceeded, Outcome, Reservation, WhenRedisLost
from fairlead_gateway.redis_link import RedisLink
from fairlead_gateway.usage import Usage
from fairlead_gateway.windows import Charge, Decision, LocalWindows
from tests.gateway.builders import ACME, GLOBEX, call, lost_redis, route, tenant_directory

PATIENT_S = 30
"""These tests are about decisions, not about how busy the machine is."""


def limiter(
    redis: RedisLink,
    *,
    window_s: int = 60,
    when_lost: WhenRedisLost = WhenRedisLost.CLOSED,
    gateways: int = 1,
    **limits: Limits,
) -> Limiter:
    return Limiter(
        redis,
        tenant_directory(**limits),
        when_lost=when_lost,
        gateways=gateways,
        window_s=window_s,
    )


def requests(count: int) -> Limits:
    return Limits(requests_per_minute=count)


def tokens(count: int) -> Limits:
    return Limits(tokens_per_minute=count)


async def admitted(limits: Limiter, attempts: int, **fields: Any) -> int:
    """How many of so many simultaneous requests are admitted."""
    results = await asyncio.gather(
        *(limits.reserve(limits.plan(ACME, route(), call(**fields))) for _ in range(attempts)), return_exceptions=True
    )
    assert all(isinstance(result, Reservation | RateLimited) for result in results)
    return sum(isinstance(result, Reservation) for result in results)


def left(reservation: Reservation, unit: str) -> int:
    return int(dict(reservation.headers())[f"x-ratelimit-remaining-{unit}"])


async def test_a_tenant_at_its_limit_is_refused_while_another_is_served(link: RedisLink) -> None:
    """Limits are per tenant."""
    limits = limiter(link, acme=requests(2), globex=requests(2))
    assert await admitted(limits, 3) == 2
    await limits.reserve(limits.plan(GLOBEX, route(), call()))
    with pytest.raises(RateLimited):
        await limits.reserve(limits.plan(ACME, route("other"), call()))


async def test_a_refusal_says_which_limit_how_much_and_until_when(link: RedisLink) -> None:
    """The message, Retry-After and the headers agree."""
    limits = limiter(link, acme=requests(1))
    await limits.reserve(limits.plan(ACME, route(), call()))
    with pytest.raises(LimitExceeded, match="Your limit of 1 requests per minute is reached: 0 left") as raised:
        await limits.reserve(limits.plan(ACME, route(), call()))
    assert 59 < (raised.value.retry_after_s or 0) <= 61
    headers = dict(raised.value.headers)
    assert (headers["x-ratelimit-limit-requests"], headers["x-ratelimit-remaining-requests"]) == ("1", "0")
    assert headers["x-ratelimit-reset-requests"].endswith("s")
    assert (raised.value.bucket.scope, raised.value.bucket.unit) == ("tenant", "requests")


async def test_many_gateways_at_once_admit_no_more_than_the_limit(link: RedisLink) -> None:
    """Reserving is atomic, however many gateways share a limit."""
    gateways = [limiter(link, acme=requests(20)) for _ in range(4)]
    counts = await asyncio.gather(*(admitted(gateway, 25) for gateway in gateways))
    assert sum(counts) == 20


async def test_a_models_limit_holds_over_all_tenants(link: RedisLink) -> None:
    """`spec.limits` caps the model, whoever asks."""
    limits = limiter(link)
    capped = route(limits=requests(1))
    await limits.reserve(limits.plan(ACME, capped, call()))
    with pytest.raises(RateLimited, match="The model `demo`'s limit of 1 requests"):
        await limits.reserve(limits.plan(GLOBEX, capped, call()))
    await limits.reserve(limits.plan(GLOBEX, route("other"), call()))


async def test_the_smallest_limit_holds_and_is_the_one_told(link: RedisLink) -> None:
    """Of a tenant's and a model's limit the one with the least left is in the headers."""
    limits = limiter(link, acme=requests(100))
    reservation = await limits.reserve(limits.plan(ACME, route(limits=requests(3)), call()))
    assert dict(reservation.headers())["x-ratelimit-limit-requests"] == "3"
    assert left(reservation, "requests") == 2


async def test_a_request_that_one_limit_refuses_is_charged_to_none(link: RedisLink) -> None:
    """A refusal by the model's limit leaves the tenant's untouched."""
    limits = limiter(link, acme=requests(10))
    capped = route(limits=requests(1))
    await limits.reserve(limits.plan(ACME, capped, call()))
    with pytest.raises(RateLimited):
        await limits.reserve(limits.plan(ACME, capped, call()))
    assert left(await limits.reserve(limits.plan(ACME, route("other"), call())), "requests") == 8


async def test_tokens_are_reserved_before_they_are_used(link: RedisLink) -> None:
    """Simultaneous requests cannot pass a token limit together before any has been counted."""
    limits = limiter(link, acme=tokens(1000))
    assert await admitted(limits, 10, max_tokens=200) == 4


@pytest.mark.parametrize(
    "usage, outcome, remaining",
    [
        (Usage(20, 30), Outcome.COMPLETED, 950),
        (Usage(20, 30), Outcome.ABORTED, 950),
        (Usage(20, 30), Outcome.FAILED, 950),
        (Usage(20, 580), Outcome.COMPLETED, 400),
        (None, Outcome.FAILED, 1000),
        (None, Outcome.CACHED, 1000),
        (None, Outcome.COMPLETED, 788),
    ],
)
async def test_settling_leaves_what_was_used(
    link: RedisLink, usage: Usage | None, outcome: Outcome, remaining: int
) -> None:
    """Too much reserved comes back, too little is charged, and what failed costs nothing."""
    limits = limiter(link, acme=tokens(1000))
    reservation = await limits.reserve(limits.plan(ACME, route(), call(max_tokens=200)))
    assert left(reservation, "tokens") == 788
    await limits.settle(reservation, usage, outcome)
    after = await limits.reserve(limits.plan(ACME, route(), call(max_tokens=1)))
    assert left(after, "tokens") == remaining - 13


async def test_settling_twice_counts_once(link: RedisLink) -> None:
    """A reservation is given back once."""
    limits = limiter(link, acme=tokens(1000))
    reservation = await limits.reserve(limits.plan(ACME, route(), call(max_tokens=200)))
    for _ in range(3):
        await limits.settle(reservation, None, Outcome.FAILED)
    assert left(await limits.reserve(limits.plan(ACME, route(), call(max_tokens=1))), "tokens") == 987


async def test_a_failed_request_is_no_request_and_a_cached_one_is(link: RedisLink) -> None:
    """Our failures do not use up a client's requests; an answer from the cache does."""
    limits = limiter(link, acme=requests(10))
    for outcome, remaining in ((Outcome.FAILED, 9), (Outcome.CACHED, 9), (Outcome.COMPLETED, 8)):
        reservation = await limits.reserve(limits.plan(ACME, route(), call()))
        assert left(reservation, "requests") == remaining
        await limits.settle(reservation, None, outcome)


@pytest.mark.parametrize("fields", [{}, {"max_tokens": 1_000_000}])
async def test_a_small_limit_does_not_refuse_the_first_request_for_ever(
    link: RedisLink, fields: dict[str, Any]
) -> None:
    """No request is charged more than the limit, so an idle tenant's first request always fits."""
    limits = limiter(link, acme=tokens(10))
    await limits.reserve(limits.plan(ACME, route(), call(**fields)))
    with pytest.raises(RateLimited):
        await limits.reserve(limits.plan(ACME, route(), call(**fields)))


async def test_an_unstated_answer_reserves_a_part_of_a_small_limit(link: RedisLink) -> None:
    """Requests that state no bound can run side by side under a small limit."""
    assert await admitted(limiter(link, acme=tokens(1000)), 10) == 3


async def test_several_answers_reserve_several_times(link: RedisLink) -> None:
    """`n` answers may each be as long as stated."""
    limits = limiter(link, acme=tokens(1000))
    assert (
        left(await limits.reserve(limits.plan(ACME, route(), call(max_tokens=100, n=4))), "tokens") == 1000 - 12 - 400
    )


async def test_the_tokenizer_uses_no_tokens(link: RedisLink) -> None:
    """What generates nothing is not counted in tokens, and is a request."""
    limits = limiter(link, acme=Limits(requests_per_minute=5, tokens_per_minute=5))
    reservation = await limits.reserve(
        limits.plan(ACME, route(), call("/tokenize", b'{"model": "demo", "prompt": "a"}'))
    )
    assert [bucket.unit for bucket in reservation.buckets] == ["requests"]


async def test_without_limits_redis_is_not_asked() -> None:
    """A tenant and a model without limits cost no round trip, and work without Redis."""
    limits = limiter(lost_redis())
    reservation = await limits.reserve(limits.plan(ACME, route(), call()))
    assert reservation.headers() == []
    await limits.settle(reservation, Usage(1, 1), Outcome.COMPLETED)


async def test_a_reservation_that_nobody_settles_leaves_with_its_window(link: RedisLink) -> None:
    """A gateway that dies takes nothing from a tenant for longer than the window."""
    limits = limiter(link, window_s=1, acme=requests(1))
    await limits.reserve(limits.plan(ACME, route(), call()))
    with pytest.raises(RateLimited) as raised:
        await limits.reserve(limits.plan(ACME, route(), call()))
    await asyncio.sleep(raised.value.retry_after_s or 0)
    await limits.reserve(limits.plan(ACME, route(), call()))


async def test_an_idle_bucket_leaves_nothing_in_redis(redis: Redis, link: RedisLink) -> None:
    """Every key expires with its window."""
    limits = limiter(link, acme=Limits(requests_per_minute=5, tokens_per_minute=500))
    reservation = await limits.reserve(limits.plan(ACME, route(), call(max_tokens=10)))
    await limits.settle(reservation, Usage(100, 100), Outcome.COMPLETED)
    keys = await redis.keys("*")
    assert sorted(keys) == [b"fairlead:limit:tenant:acme:requests", b"fairlead:limit:tenant:acme:tokens"]
    assert all([0 < await redis.ttl(key) <= 62 for key in keys])


async def test_a_clock_of_the_server_that_steps_back_refills_nothing(redis: Redis, link: RedisLink) -> None:
    """Slots of a later time than now count as charged now."""
    later = int((await redis.time())[0]) + 3600
    key = "fairlead:limit:tenant:acme:requests"
    await redis.hset(key, mapping={"used": 5, "oldest": later, "newest": later, str(later): 5})
    limits = limiter(link, acme=requests(5))
    with pytest.raises(RateLimited) as raised:
        await limits.reserve(limits.plan(ACME, route(), call()))
    assert 59 < (raised.value.retry_after_s or 0) <= 61


CHARGES = st.lists(
    st.tuples(st.sampled_from(["a", "b"]), st.integers(1, 12), st.integers(-12, 12)), min_size=1, max_size=25
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=CHARGES)
async def test_the_scripts_do_what_the_model_does(
    redis: Redis, link: RedisLink, steps: list[tuple[str, int, int]]
) -> None:
    """In Redis and in memory, the same charges and settlements leave the same buckets."""
    await redis.flushall()
    limits, model = limiter(link), LocalWindows()
    for key, cost, difference in steps:
        charges = [Charge(f"{key}:one", 30, cost), Charge("shared", 40, min(cost + 1, 12))]
        real = await limits._store.reserve(charges)
        expected = model.reserve(charges, real.slot * 1000)
        assert (real.allowed, used(real)) == (expected.allowed, used(expected))
        if real.allowed:
            differences = [(charge.key, max(difference, -charge.cost)) for charge in charges if difference]
            changes = tuple(Charge(key, 0, amount) for key, amount in differences)
            await limits._store.settle(Settlement("", real.slot, hard=False, changes=changes))
            model.settle(real.slot, differences, real.slot * 1000)


def used(decision: Decision) -> Sequence[int]:
    return [state.used for state in decision.states]


async def test_without_redis_the_closed_policy_refuses_and_says_so() -> None:
    """Limits that cannot be checked are not waved through."""
    limits = limiter(lost_redis(), acme=requests(5))
    with pytest.raises(LimiterUnavailable, match="Retry shortly"):
        await limits.reserve(limits.plan(ACME, route(), call()))


async def test_without_redis_the_local_policy_enforces_a_share_of_the_limit() -> None:
    """Each of two gateways admits half, so together they admit no more than the limit."""
    nowhere = lost_redis()
    limits = limiter(nowhere, when_lost=WhenRedisLost.LOCAL, gateways=2, acme=requests(6))
    assert await admitted(limits, 10) == 3


async def test_losing_redis_forgets_nothing_that_this_gateway_has_let_through(link: RedisLink) -> None:
    """A tenant at its limit stays there when Redis is lost."""
    limits = limiter(link, when_lost=WhenRedisLost.LOCAL, acme=requests(5))
    assert await admitted(limits, 5) == 5
    link._lost("for this test")
    assert await admitted(limits, 5) == 0


async def test_a_local_reservation_is_settled_locally() -> None:
    """Refunds work without Redis as well."""
    nowhere = lost_redis()
    limits = limiter(nowhere, when_lost=WhenRedisLost.LOCAL, acme=tokens(100))
    reservation = await limits.reserve(limits.plan(ACME, route(), call(max_tokens=80)))
    assert reservation.local
    await limits.settle(reservation, Usage(5, 5), Outcome.COMPLETED)
    assert left(await limits.reserve(limits.plan(ACME, route(), call(max_tokens=1))), "tokens") == 77


async def test_a_settlement_that_redis_misses_is_given_up(link: RedisLink) -> None:
    """What was reserved leaves with its window; the request is not disturbed."""
    limits = limiter(link, acme=tokens(100))
    reservation = await limits.reserve(limits.plan(ACME, route(), call(max_tokens=50)))
    lost = limiter(lost_redis(), acme=tokens(100))
    await lost.settle(reservation, None, Outcome.FAILED)
    assert reservation.settled
