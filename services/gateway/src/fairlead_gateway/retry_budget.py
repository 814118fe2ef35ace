"""How many requests may be sent a second time: a share of what was sent lately, so that retries never become the load.

Pure: the time is passed in.

Source: "Handling Overload" in Site Reliability Engineering (Google, 2016), per-client retry budget; the share and the
floor as in Finagle's RetryBudget.
"""

from dataclasses import dataclass
from typing import Final

import msgspec

WINDOW_S: Final = 10


@dataclass(frozen=True, slots=True)
class RetryRules:
    """How many retries there may be.

    Attributes:
        share: Of the requests of the last 10 s.
        floor: Retries in 10 s that are allowed however few requests there were.
    """

    share: float = 0.2
    floor: int = 10


class Resend(msgspec.Struct):
    """The one time that a request may be sent again after an engine may have seen it: it may be what killed it."""

    left: bool = True

    def take(self) -> bool:
        """Use it up; return whether it was left."""
        left, self.left = self.left, False
        return left

    def give_back(self) -> None:
        """Have it again: nobody could be reached, so nothing was sent."""
        self.left = True


class RetryBudget:
    """The requests and retries of one model in the last 10 s, in slots of a second."""

    __slots__ = ("_requests", "_retries", "_rules", "_slot")

    def __init__(self, rules: RetryRules) -> None:
        self._rules = rules
        self._requests = [0] * WINDOW_S
        self._retries = [0] * WINDOW_S
        self._slot = 0

    def request(self, now: float) -> None:
        """Count a request."""
        self._requests[self._at(now)] += 1

    def take(self, now: float) -> bool:
        """Count a retry, if it is within the budget; return whether it is."""
        slot = self._at(now)
        if sum(self._retries) + 1 > self._rules.floor + self._rules.share * sum(self._requests):
            return False
        self._retries[slot] += 1
        return True

    def _at(self, now: float) -> int:
        """Return the present slot, emptied of what was in it a window ago."""
        slot = int(now)
        if slot != self._slot:
            for passed in range(max(self._slot + 1, slot - WINDOW_S + 1), slot + 1):
                self._requests[passed % WINDOW_S] = self._retries[passed % WINDOW_S] = 0
            self._slot = slot
        return slot % WINDOW_S
