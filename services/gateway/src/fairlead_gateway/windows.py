"""Sliding windows in memory: what `lua/reserve.lua` and `lua/settle.lua` do in Redis, for one process.

Used where Redis is lost and the policy is to go on with a share of each limit; and as the model against which the
scripts are tested.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

WINDOW_S = 60
MAX_BUCKETS = 10_000


class Charge(NamedTuple):
    """What a request costs in one bucket.

    Attributes:
        key: Names the bucket.
        limit: What the bucket holds.
        cost: What is charged.
        kind: How the bucket empties, as `lua/reserve.lua` names it: `w`, `p` or `d`.
    """

    key: str
    limit: int
    cost: int
    kind: str = "w"

    def but(self, cost: int) -> "Charge":
        """Return the same charge of another cost."""
        return Charge(self.key, self.limit, cost, self.kind)


class BucketState(NamedTuple):
    """A bucket after a decision: what is used of it, and milliseconds until the cost fits and until it is empty."""

    used: int
    wait_ms: int
    reset_ms: int


class Decision(NamedTuple):
    """Whether all buckets were charged, in which slot (the second of the clock), and their states."""

    slot: int
    allowed: bool
    states: tuple[BucketState, ...]


@dataclass(slots=True)
class SlidingWindow:
    """One bucket: charges per second, each counted until it lies wholly outside the window.

    Attributes:
        used: What is charged now, after `advance`.
    """

    window_s: int = WINDOW_S
    slots: dict[int, int] = field(default_factory=dict)
    newest: int = 0
    used: int = 0
    _advanced_to: int = -1

    def advance(self, now_s: int) -> None:
        """Forget what lies outside the window; a clock that steps back moves all charges to now, refilling nothing."""
        if now_s == self._advanced_to:
            return
        self._advanced_to = now_s
        if self.newest > now_s:
            self.slots = {now_s: self.used} if self.slots else {}
            self.newest = now_s
        last_gone = now_s - self.window_s - 1
        for slot in [slot for slot in self.slots if slot <= last_gone]:
            self.used -= self.slots.pop(slot)

    def wait_ms(self, charge: Charge, now_ms: int) -> int:
        """Return milliseconds until a charge fits."""
        missing = self.used + charge.cost - charge.limit
        if missing <= 0:
            return 0
        for slot in sorted(self.slots):
            missing -= self.slots[slot]
            if missing <= 0:
                return self._ends_in_ms(slot, now_ms)
        return self._ends_in_ms(self.newest, now_ms)

    def reset_ms(self, now_ms: int) -> int:
        """Return milliseconds until the bucket is empty."""
        return self._ends_in_ms(self.newest, now_ms) if self.used > 0 else 0

    def add(self, slot: int, amount: int) -> None:
        """Charge a slot."""
        self.slots[slot] = self.slots.get(slot, 0) + amount
        self.used += amount
        self.newest = max(self.newest, slot)

    def give_back(self, slot: int, amount: int) -> None:
        """Return what was charged too much, to the slot it was charged in, if that still counts."""
        back = min(amount, self.slots.get(slot, 0))
        if back > 0:
            self.slots[slot] -= back
            self.used -= back

    def _ends_in_ms(self, slot: int, now_ms: int) -> int:
        return (slot + self.window_s + 1) * 1000 - now_ms


class LocalWindows:
    """All buckets of one process; the least recently used go when there are too many."""

    def __init__(self, window_s: int = WINDOW_S, max_buckets: int = MAX_BUCKETS) -> None:
        self._window_s = window_s
        self._max_buckets = max_buckets
        self._buckets: OrderedDict[str, SlidingWindow] = OrderedDict()

    def reserve(self, charges: Sequence[Charge], now_ms: int, *, charged: bool = True) -> Decision:
        """Charge all buckets or none; with `charged` false something else refuses, and none is charged."""
        now_s = now_ms // 1000
        windows = [self._window(charge.key, now_s) for charge in charges]
        waits = [window.wait_ms(charge, now_ms) for window, charge in zip(windows, charges, strict=True)]
        allowed = not any(waits)
        if allowed and charged:
            for window, charge in zip(windows, charges, strict=True):
                window.add(now_s, charge.cost)
        states = tuple(
            BucketState(used=window.used, wait_ms=wait, reset_ms=window.reset_ms(now_ms))
            for window, wait in zip(windows, waits, strict=True)
        )
        return Decision(slot=now_s, allowed=allowed, states=states)

    def record(self, charges: Sequence[Charge], now_ms: int) -> int:
        """Charge all buckets, for it has been decided elsewhere; return the slot."""
        slot = now_ms // 1000
        for charge in charges:
            self._window(charge.key, slot).add(slot, charge.cost)
        return slot

    def charged(self, now_ms: int) -> list[tuple[str, int]]:
        """Return every bucket that has something charged, and how much."""
        for window in self._buckets.values():
            window.advance(now_ms // 1000)
        return [(key, window.used) for key, window in self._buckets.items() if window.used > 0]

    def settle(self, slot: int, differences: Sequence[tuple[str, int]], now_ms: int) -> None:
        """Give back, or charge now, used minus reserved of each bucket."""
        for key, difference in differences:
            window = self._window(key, now_ms // 1000)
            if difference < 0:
                window.give_back(slot, -difference)
            elif difference > 0:
                window.add(now_ms // 1000, difference)

    def _window(self, key: str, now_s: int) -> SlidingWindow:
        window = self._buckets.get(key)
        if window is None:
            window = self._buckets[key] = SlidingWindow(self._window_s)
            if len(self._buckets) > self._max_buckets:
                self._buckets.popitem(last=False)
        else:
            self._buckets.move_to_end(key)
        window.advance(now_s)
        return window
