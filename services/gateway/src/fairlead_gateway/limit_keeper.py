"""Reminds Redis, every two seconds, of what it must know of this gateway.

That requests still run (a gateway that has died says so no more, and its share of a parallel limit is free again when
the leases end), what was used of the minute and the day if Redis has been emptied, and settlements that did not reach
it.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from fairlead_gateway.limit_store import LimitStore
from fairlead_gateway.open_reservations import OpenReservations
from fairlead_gateway.redis_link import RedisLost, RedisPaused

log = logging.getLogger(__name__)

BEAT_S: Final = 2.0


class LimitKeeper:
    """Keeps Redis' picture of this gateway true.

    Args:
        charged: Tells what this gateway has let through in the last minute, per window.
    """

    def __init__(
        self, store: LimitStore, reservations: OpenReservations, charged: Callable[[], list[tuple[str, int]]]
    ) -> None:
        self._store = store
        self._charged = charged
        self._open = reservations

    async def run(self, *, interval_s: float = BEAT_S) -> None:
        """Remind Redis until cancelled."""
        while True:
            try:
                await self.beat()
            except Exception:  # the leases of all running requests hang on this loop
                log.exception("limits could not be kept up; trying again")
            await asyncio.sleep(interval_s)

    async def beat(self) -> None:
        """Remind Redis once; where it is lost, the next time will do."""
        try:
            unmarked = any(not settlement.unsure for settlement in self._open.unsettled)
            if await self._store.restore(self._open.marks, again=unmarked):
                await self._store.recharge(self._charged())
            await self._store.renew(self._open.leases)
            await self._settle()
        except RedisLost:
            return

    async def _settle(self) -> None:
        for settlement in self._open.unsettled:
            was_unsure, settlement.unsure = settlement.unsure, True
            try:
                done = await self._store.settle(settlement)
            except RedisPaused:
                settlement.unsure = was_unsure
                raise
            self._open.answered(settlement, done)
