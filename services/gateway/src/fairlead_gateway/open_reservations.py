"""What this gateway has let through and Redis must be reminded of: what runs, what is open, what is to be settled."""

from collections.abc import Mapping
from typing import Final

from fairlead_gateway.limit_store import Settlement
from fairlead_gateway.reservation import Reservation

MAX_UNSETTLED: Final = 10_000
"""Settlements that wait for Redis; past these the oldest stay charged until the day ends."""


class OpenReservations:
    """The reservations of one gateway, from being granted until Redis has confirmed that they are settled."""

    def __init__(self) -> None:
        self._running: dict[str, dict[str, None]] = {}
        self._held: dict[str, int] = {}
        self._unsettled: dict[str, Settlement] = {}

    def begin(self, reservation: Reservation) -> None:
        """Note that a request runs."""
        for charge in reservation.charges:
            if charge.kind == "p":
                self._running.setdefault(charge.key, {})[reservation.id] = None
        if reservation.hard:
            self._held[reservation.id] = reservation.decision.slot

    def end(self, reservation: Reservation) -> None:
        """Note that a request has ended."""
        for charge in reservation.charges:
            if charge.kind == "p":
                ids = self._running.get(charge.key, {})
                ids.pop(reservation.id, None)
                if not ids:
                    self._running.pop(charge.key, None)
        self._held.pop(reservation.id, None)

    def to_settle(self, settlement: Settlement) -> None:
        """Note a settlement that must reach Redis once."""
        self._unsettled[settlement.id] = settlement
        if len(self._unsettled) > MAX_UNSETTLED:
            del self._unsettled[next(iter(self._unsettled))]

    def answered(self, settlement: Settlement, done: int) -> None:
        """Note what Redis said of a settlement."""
        if done < 0:
            settlement.unsure = False
        else:
            self._unsettled.pop(settlement.id, None)

    def running(self, key: str) -> int:
        """Return how many requests run under a limit at this gateway."""
        return len(self._running.get(key, ()))

    @property
    def leases(self) -> Mapping[str, Mapping[str, None]]:
        """Ids of what runs, per bucket, as they change."""
        return self._running

    @property
    def unsettled(self) -> list[Settlement]:
        return list(self._unsettled.values())

    @property
    def marks(self) -> dict[str, int]:
        """Slots by id of all that is certainly not settled in Redis."""
        sure = {item.id: item.slot for item in self._unsettled.values() if not item.unsure}
        return self._held | sure
