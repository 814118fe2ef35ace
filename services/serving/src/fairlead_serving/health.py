"""Tells a hung engine from a busy one and from an idle one.

vLLM's own health check sees only whether the engine's process lives. Here an engine is hung when it has work and its
progress counter has stood still for longer than a step can honestly take.
"""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum


class Verdict(Enum):
    """What one look at an engine says."""

    HEALTHY = "healthy"
    DEAD = "dead"
    HUNG = "hung"


@dataclass(frozen=True, slots=True)
class Reading:
    """One look at an engine.

    Attributes:
        alive: Whether all of its processes live and its client has seen no fatal error.
        pending: Requests that wait for an answer, the replica's own probe included.
        progress: A counter that grows with each step that moved something.
    """

    alive: bool
    pending: int
    progress: int


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a step may take before the engine is taken for hung, in seconds.

    Attributes:
        stall_after_s: An engine that is not even working is hung after this long.
        working_stall_after_s: An engine that burns processor time without progress is hung after this long. On CPUs one
            step of a long prompt takes tens of seconds; on GPUs processors also spin while a collective hangs.
        slow_step_factor: A pause that is legitimate once is legitimate again: this many times the longest one seen
            lately are granted.
        limit_s: No pause is longer than this, whatever was seen.
    """

    stall_after_s: float = 10.0
    working_stall_after_s: float = 300.0
    slow_step_factor: float = 3.0
    limit_s: float = 300.0


class ProgressWatch:
    """Judges an engine by successive readings; pure but for the clock.

    Args:
        is_working: Tells whether the engine's processes use processor time. Asked only of an engine that stands still,
            because the answer costs a look at all of its processes.
        patience: The bounds; may be replaced at any time.
        clock: Monotonic seconds.
        memory_s: How long a pause that ended well is remembered.
    """

    def __init__(
        self,
        is_working: Callable[[], bool],
        patience: Patience,
        *,
        clock: Callable[[], float] = time.monotonic,
        memory_s: float = 600.0,
    ) -> None:
        self._is_working = is_working
        self.patience = patience
        self._clock = clock
        self._memory_s = memory_s
        self._pauses: deque[tuple[float, float]] = deque()
        self._progress = -1
        self._still_since = clock()

    @property
    def still_for_s(self) -> float:
        """Seconds since the engine last moved or had nothing to do."""
        return self._clock() - self._still_since

    def observe(self, reading: Reading) -> Verdict:
        """Judge one reading."""
        if not reading.alive:
            return Verdict.DEAD
        if reading.progress != self._progress or not reading.pending:
            self._moved(reading)
            return Verdict.HEALTHY
        if self.still_for_s < self.patience.stall_after_s / 2:
            return Verdict.HEALTHY
        is_hung = self.still_for_s > self.allowance_s(working=self._is_working())
        return Verdict.HUNG if is_hung else Verdict.HEALTHY

    def allowance_s(self, *, working: bool) -> float:
        """Return how long the engine may stand still just now, in seconds."""
        bounds = self.patience
        base = bounds.working_stall_after_s if working else bounds.stall_after_s
        longest = max((pause for _, pause in self._pauses), default=0.0)
        return min(max(base, bounds.slow_step_factor * longest), max(bounds.limit_s, base))

    def _moved(self, reading: Reading) -> None:
        now = self._clock()
        if reading.pending and reading.progress != self._progress:
            self._remember(now, now - self._still_since)
        self._progress = reading.progress
        self._still_since = now

    def _remember(self, now: float, pause_s: float) -> None:
        while self._pauses and self._pauses[0][0] < now - self._memory_s:
            self._pauses.popleft()
        while self._pauses and self._pauses[-1][1] <= pause_s:
            self._pauses.pop()
        self._pauses.append((now, pause_s))
