"""Requests and tokens per minute, of tenants and of models: reserved before a request, settled after it.

Each limit is a sliding window of 60 s in slots of one second, kept in Redis for all gateways together and charged in
one atomic script over all buckets of a request (`lua/reserve.lua`): no window of 60 s ever holds more than the limit.
Settling gives back what was not used, or charges what was used beyond. A reservation that nobody settles, because its
gateway died, leaves with its window.

Sources: the sliding-window log of Redis' and Figma's descriptions of rate limiters, compacted to slots; OpenAI's
documented rate-limit headers.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files

from fairlead_contract.errors import LimiterUnavailable, RateLimited
from fairlead_contract.routing import Route
from fairlead_gateway.buckets import Bucket, buckets_of, cost_of, prompt_tokens
from fairlead_gateway.call import Call
from fairlead_gateway.principal import Principal
from fairlead_gateway.ratelimit_headers import ratelimit_headers
from fairlead_gateway.redis_link import RedisLink, RedisLost, Script
from fairlead_gateway.tenants import TenantDirectory
from fairlead_gateway.usage import Usage
from fairlead_gateway.windows import WINDOW_S, BucketState, Charge, Decision, LocalWindows


class Outcome(StrEnum):
    """How a request ended, as far as its charge is concerned."""

    COMPLETED = "completed"
    ABORTED = "aborted"
    FAILED = "failed"
    REFUSED = "refused"
    CACHED = "cached"


class WhenRedisLost(StrEnum):
    """What the limiter does while Redis does not answer."""

    CLOSED = "closed"
    LOCAL = "local"


NOT_LIMITED = Decision(slot=0, allowed=True, states=())


@dataclass(slots=True)
class Reservation:
    """What a request has been charged until it is settled."""

    buckets: tuple[Bucket, ...] = ()
    charges: tuple[Charge, ...] = ()
    decision: Decision = NOT_LIMITED
    prompt_tokens: int = 0
    local_slot: int = 0
    local: bool = False
    settled: bool = False

    def headers(self) -> list[tuple[str, str]]:
        """Return `x-ratelimit-*` headers: per unit those of the bucket with the least left."""
        return ratelimit_headers(self.buckets, self.decision.states, self.charges)


class LimitExceeded(RateLimited):
    """A limit is reached; carries the headers that say which and until when."""

    def __init__(self, message: str, *, retry_after_s: float, headers: list[tuple[str, str]], bucket: Bucket) -> None:
        super().__init__(message, retry_after_s=retry_after_s)
        self.headers = headers
        self.bucket = bucket


class Limiter:
    """Reserves and settles, in Redis for all gateways.

    Args:
        when_lost: Refuse every limited request while Redis does not answer (`closed`), or enforce this gateway's share
            of each limit from memory (`local`).
        gateways: How many gateways share the limits, for the `local` share.
    """

    def __init__(
        self,
        redis: RedisLink,
        tenants: TenantDirectory,
        *,
        when_lost: WhenRedisLost = WhenRedisLost.CLOSED,
        gateways: int = 1,
        window_s: int = WINDOW_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._redis = redis
        self._tenants = tenants
        self._when_lost = when_lost
        self._gateways = gateways
        self._window_s = window_s
        self._clock = clock
        self._local = LocalWindows(window_s)

    async def reserve(self, principal: Principal, route: Route, call: Call) -> Reservation:
        """Charge a request to every limit that it falls under, or to none.

        Raises:
            RateLimited: A limit is reached.
            LimiterUnavailable: Redis does not answer and the policy is `closed`.
        """
        buckets = buckets_of(principal.tenant, self._tenants, route, counted=call.endpoint.counted)
        if not buckets:
            return Reservation()
        charges = tuple(Charge(bucket.key, bucket.limit, cost_of(call, bucket)) for bucket in buckets)
        try:
            decision, local = await self._in_redis(charges), False
        except RedisLost:
            charges, decision, local = *self._without_redis(charges), True
        if not decision.allowed:
            raise _exceeded(buckets, charges, decision)
        # What Redis grants is noted here too: losing Redis forgets nothing of what this gateway has let through.
        slot = decision.slot if local else self._local.record(charges, self._now_ms())
        return Reservation(buckets, charges, decision, prompt_tokens=prompt_tokens(call), local_slot=slot, local=local)

    async def settle(self, reservation: Reservation, usage: Usage | None, outcome: Outcome) -> None:
        """Replace a reservation by what was used; a second settlement of the same one changes nothing."""
        if reservation.settled:
            return
        reservation.settled = True
        differences = [
            (charge.key, actual_cost(reservation, bucket, charge, usage, outcome) - charge.cost)
            for bucket, charge in zip(reservation.buckets, reservation.charges, strict=True)
        ]
        differences = [(key, difference) for key, difference in differences if difference]
        if not differences:
            return
        self._local.settle(reservation.local_slot, differences, self._now_ms())
        if reservation.local:
            return
        try:
            await self._settle_in_redis(reservation.decision.slot, differences)
        except RedisLost:
            return  # what was reserved leaves with its window

    async def _in_redis(self, charges: Sequence[Charge]) -> Decision:
        arguments = [self._window_s]
        for charge in charges:
            arguments += (charge.limit, charge.cost)
        answer = await self._redis.run_script(_RESERVE, [charge.key for charge in charges], arguments)
        states = tuple(BucketState(*answer[start : start + 3]) for start in range(2, len(answer), 3))
        return Decision(slot=answer[0], allowed=bool(answer[1]), states=states)

    async def _settle_in_redis(self, slot: int, differences: Sequence[tuple[str, int]]) -> None:
        keys = [key for key, _ in differences]
        await self._redis.run_script(_SETTLE, keys, [self._window_s, slot, *(amount for _, amount in differences)])

    def _without_redis(self, charges: Sequence[Charge]) -> tuple[tuple[Charge, ...], Decision]:
        if self._when_lost is WhenRedisLost.CLOSED:
            raise LimiterUnavailable("Limits cannot be checked at the moment. Retry shortly.", retry_after_s=1)
        shares = tuple(_share(charge, self._gateways) for charge in charges)
        return shares, self._local.reserve(shares, self._now_ms())

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)


def actual_cost(reservation: Reservation, bucket: Bucket, charge: Charge, usage: Usage | None, outcome: Outcome) -> int:
    """Return what a request costs in a bucket once it has ended."""
    if bucket.unit == "requests":
        return 0 if outcome is Outcome.FAILED and usage is None else charge.cost
    if outcome is Outcome.CACHED:
        return 0
    if usage is not None:
        return usage.prompt_tokens + usage.completion_tokens
    if outcome is Outcome.FAILED:
        return 0
    # Nothing is known of what was delivered: the prompt at least was worked on, a finished answer at most as reserved.
    return min(reservation.prompt_tokens, charge.cost) if outcome is Outcome.ABORTED else charge.cost


def _share(charge: Charge, gateways: int) -> Charge:
    limit = max(1, charge.limit // gateways)
    return Charge(charge.key, limit, min(charge.cost, limit))


def _exceeded(buckets: Sequence[Bucket], charges: Sequence[Charge], decision: Decision) -> LimitExceeded:
    states = decision.states
    index = max(range(len(buckets)), key=lambda i: states[i].wait_ms)
    bucket, charge, wait_s = buckets[index], charges[index], states[index].wait_ms / 1000
    whose = "Your" if bucket.scope == "tenant" else f"The model `{bucket.owner}`'s"
    left = max(charge.limit - states[index].used, 0)
    message = (
        f"{whose} limit of {charge.limit} {bucket.unit} per minute is reached: {left} left, {charge.cost} needed. "
        f"Retry in {math.ceil(wait_s)} s."
    )
    headers = ratelimit_headers(buckets, states, charges)
    return LimitExceeded(message, retry_after_s=wait_s, headers=headers, bucket=bucket)


def _script(name: str) -> Script:
    return Script(files("fairlead_gateway").joinpath(f"lua/{name}.lua").read_text(encoding="utf-8"))


_RESERVE = _script("reserve")
_SETTLE = _script("settle")
