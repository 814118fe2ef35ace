"""What `lua/reserve.lua` and `lua/settle.lua` do, in memory and plainly: the model against which they are tested."""

from collections import defaultdict
from collections.abc import Sequence

from fairlead_gateway.windows import BucketState, Charge, Decision, LocalWindows


class LimitModel:
    """All buckets of all kinds."""

    def __init__(self) -> None:
        self._windows = LocalWindows()
        self._days: defaultdict[tuple[str, int], int] = defaultdict(int)
        self._running: defaultdict[str, set[str]] = defaultdict(set)
        self._open: set[str] = set()

    def reserve(self, charges: Sequence[Charge], id_: str, slot: int) -> Decision:
        """Charge all buckets or none."""
        day = slot // 86_400
        others = {charge.key: self._used(charge, day) for charge in charges if charge.kind != "w"}
        fits = all(others[c.key] + c.cost <= c.limit for c in charges if c.key in others)
        windows = [charge for charge in charges if charge.kind == "w"]
        decision = self._windows.reserve(windows, slot * 1000, charged=fits)
        allowed = decision.allowed and fits
        if allowed:
            self._open.add(id_)
            for charge in charges:
                self._charge(charge, id_, day)
        states = iter(decision.states)
        told = [next(states) if c.kind == "w" else BucketState(self._used(c, day), 0, 0) for c in charges]
        return Decision(slot, allowed, tuple(told))

    def settle(self, changes: Sequence[Charge], id_: str, slot: int) -> None:
        """Correct a reservation once."""
        if id_ not in self._open:
            return
        self._open.remove(id_)
        self._windows.settle(slot, [(change.key, change.cost) for change in changes if change.kind == "w"], slot * 1000)
        for change in changes:
            if change.kind == "d":
                self._days[change.key, slot // 86_400] += change.cost
            elif change.kind == "p":
                self._running[change.key].discard(id_)

    def _used(self, charge: Charge, day: int) -> int:
        return self._days[charge.key, day] if charge.kind == "d" else len(self._running[charge.key])

    def _charge(self, charge: Charge, id_: str, day: int) -> None:
        if charge.kind == "d":
            self._days[charge.key, day] += charge.cost
        elif charge.kind == "p":
            self._running[charge.key].add(id_)
