"""Limits of tenants, API keys and models: reserved before a request, settled after it.

Requests and tokens per minute are sliding windows of 60 s, parallel requests are leases, tokens and money per day are
counters of UTC days; all of them are kept in Redis for all gateways together and charged in one atomic script over all
buckets of a request (`lua/reserve.lua`). Settling gives back what was not used, or charges what was used beyond. What
nobody settles, because its gateway died, leaves with its window, its lease or its day.

Sources: the sliding-window log of Redis' and Figma's descriptions of rate limiters, compacted to slots; OpenAI's
documented rate-limit headers.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from enum import StrEnum

from fairlead_contract.errors import LimiterUnavailable
from fairlead_contract.routing import Route
from fairlead_gateway.buckets import Bucket, BucketBook
from fairlead_gateway.call import Call
from fairlead_gateway.costs import Cost, unpriced
from fairlead_gateway.estimate import answer_bound, most_used, prompt_tokens, tokens_of
from fairlead_gateway.limit_keeper import LimitKeeper
from fairlead_gateway.limit_refusal import LimitExceeded, QuotaExceeded, refusal
from fairlead_gateway.limit_store import LEASE_S, RESTORE_S, LimitStore, QuotasUnknown, Settlement
from fairlead_gateway.open_reservations import OpenReservations
from fairlead_gateway.outcome import Outcome
from fairlead_gateway.principal import Principal
from fairlead_gateway.redis_link import RedisLink, RedisLost, RedisPaused
from fairlead_gateway.reservation import Reservation
from fairlead_gateway.tenants import TenantDirectory
from fairlead_gateway.usage import Usage
from fairlead_gateway.windows import WINDOW_S, BucketState, Charge, Decision, LocalWindows

__all__ = ["LimitExceeded", "Limiter", "Outcome", "QuotaExceeded", "Reservation", "WhenRedisLost"]


NOTHING = Usage(0, 0)


class WhenRedisLost(StrEnum):
    """What the limiter does with soft limits while Redis does not answer; daily quotas are closed in any case."""

    CLOSED = "closed"
    LOCAL = "local"


class Limiter:
    """Reserves and settles, in Redis for all gateways.

    Args:
        cost: What a model's tokens cost.
        when_lost: Refuse every limited request while Redis does not answer (`closed`), or enforce this gateway's share
            of each soft limit from memory (`local`).
        gateways: How many gateways share the limits, for the `local` share.

    Attributes:
        keeper: What must run beside requests for as long as the limiter is used.
    """

    def __init__(
        self,
        redis: RedisLink,
        tenants: TenantDirectory,
        *,
        cost: Cost = unpriced,
        when_lost: WhenRedisLost = WhenRedisLost.CLOSED,
        gateways: int = 1,
        window_s: int = WINDOW_S,
        lease_s: float = LEASE_S,
        restore_s: int = RESTORE_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = LimitStore(redis, window_s=window_s, lease_s=lease_s, restore_s=restore_s)
        self._book = BucketBook(tenants)
        self._cost = cost
        self._when_lost = when_lost
        self._gateways = gateways
        self._clock = clock
        self._local = LocalWindows(window_s)
        self._open = OpenReservations()
        self.keeper = LimitKeeper(self._store, self._open, lambda: self._local.charged(self._now_ms()))

    def plan(self, principal: Principal, route: Route, call: Call) -> Reservation:
        """Return what a request would be charged; nothing is."""
        limits = self._book.of(principal, route, counted=call.endpoint.counted, paid=call.endpoint.paid)
        bound, most, model = None, NOTHING, route.identity
        if limits.hard:
            bound = answer_bound(call, limits.buckets, model, self._cost)
            most = most_used(call, bound)
            limits = limits if self._cost(model, most) else limits.free_of_cost
        return Reservation(
            limits.buckets,
            tuple([self._charge(bucket, call, model, most) for bucket in limits.buckets]),
            id=self._store.new_id() if limits.hard or limits.parallel else "",
            hard=limits.hard,
            model=model,
            prompt_tokens=prompt_tokens(call),
            answer_bound=bound if limits.hard and call.max_output_tokens is None else None,
        )

    async def reserve(self, reservation: Reservation) -> Reservation:
        """Charge what was planned to every limit, or to none; return the same reservation, which knows how that went.

        Raises:
            RateLimited: A limit is reached; QuotaExhausted where it is a daily quota.
            LimiterUnavailable: Redis does not answer, and a daily quota or the policy `closed` is in force.
        """
        if not reservation.buckets:
            return reservation
        try:
            reservation.decision = await self._store.reserve(
                reservation.charges, id_=reservation.id, hard=reservation.hard
            )
        except QuotasUnknown:
            raise _unavailable() from None
        except RedisPaused:
            self._without_redis(reservation)
        except (RedisLost, asyncio.CancelledError) as error:
            self._take_back(reservation)
            if not isinstance(error, RedisLost):
                raise
            self._without_redis(reservation)
        if not reservation.decision.allowed:
            raise refusal(reservation.buckets, reservation.charges, reservation.decision)
        self._granted(reservation)
        return reservation

    async def settle(self, reservation: Reservation, usage: Usage | None, outcome: Outcome) -> None:
        """Replace a reservation by what was used; a second settlement of the same one changes nothing."""
        if reservation.settled:
            return
        reservation.settled = True
        changes = reservation.differences(usage, outcome, self._cost)
        if reservation.id:
            self._open.end(reservation)
        windows = [(change.key, change.cost) for change in changes if change.kind == "w"]
        if windows:
            self._local.settle(reservation.local_slot, windows, self._now_ms())
        if reservation.local:
            changes = tuple(change for change in changes if change.kind == "p")
        if changes or reservation.hard:
            await self._settle(Settlement(reservation.id, reservation.decision.slot, reservation.hard, changes))

    async def _settle(self, settlement: Settlement) -> None:
        if settlement.hard:
            self._open.to_settle(settlement)
        try:
            done = await self._store.settle(settlement)
        except RedisPaused:
            settlement.unsure = False
        except RedisLost:
            return  # quotas are settled later; what was reserved otherwise leaves with its window or its lease
        else:
            self._open.answered(settlement, done)

    def _charge(self, bucket: Bucket, call: Call, model: str, most: Usage) -> Charge:
        if bucket.unit == "tokens":
            return bucket.charge(tokens_of(call, bucket.limit))
        if bucket.unit == "tokens-day":
            return bucket.charge(most.total_tokens)
        return bucket.charge(self._cost(model, most)) if bucket.unit == "cost-day" else bucket.one

    def _granted(self, reservation: Reservation) -> None:
        if reservation.id:
            self._open.begin(reservation)
        if reservation.local:
            return
        # What Redis grants is noted here too: losing Redis forgets nothing of what this gateway has let through.
        windows = [charge for charge in reservation.charges if charge.kind == "w"]
        if windows:
            reservation.local_slot = self._local.record(windows, self._now_ms())

    def _take_back(self, reservation: Reservation) -> None:
        """Undo a reservation that Redis may have made without our knowing."""
        if reservation.hard:
            changes = tuple(charge.but(-charge.cost) for charge in reservation.charges)
            self._open.to_settle(Settlement(reservation.id, 0, hard=True, changes=changes))

    def _without_redis(self, reservation: Reservation) -> None:
        if reservation.hard or self._when_lost is WhenRedisLost.CLOSED:
            raise _unavailable()
        reservation.charges = tuple(_share(charge, self._gateways) for charge in reservation.charges)
        reservation.decision = self._in_memory(reservation.charges)
        reservation.local_slot, reservation.local = reservation.decision.slot, True

    def _in_memory(self, charges: Sequence[Charge]) -> Decision:
        """Charge all buckets or none, as the scripts would."""
        waits = {
            charge.key: 1000
            for charge in charges
            if charge.kind == "p" and self._open.running(charge.key) >= charge.limit
        }
        windows = [charge for charge in charges if charge.kind == "w"]
        decision = self._local.reserve(windows, self._now_ms(), charged=not waits)
        of_windows = iter(decision.states)
        allowed = decision.allowed and not waits
        states = tuple(
            next(of_windows)
            if charge.kind == "w"
            else BucketState(self._open.running(charge.key) + allowed, waits.get(charge.key, 0), 0)
            for charge in charges
        )
        return Decision(decision.slot, allowed, states)

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)


def _share(charge: Charge, gateways: int) -> Charge:
    limit = max(1, charge.limit // gateways)
    return charge._replace(limit=limit, cost=min(charge.cost, limit))


def _unavailable() -> LimiterUnavailable:
    return LimiterUnavailable("Limits cannot be checked at the moment. Retry shortly.", retry_after_s=1)
