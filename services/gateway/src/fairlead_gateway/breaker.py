"""A circuit breaker: after failures in a row nobody is let through for a while, then one at a time until one succeeds.

Pure: the time is passed in, and nothing here knows what is protected.

Source: Nygard, Release It!, 2nd edition, section 5.2; pauses double, with jitter, as in "Exponential Backoff And
Jitter" (AWS Architecture Blog, 2015).
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final


class Pass(Enum):
    """How somebody was let through."""

    FREELY = auto()
    ON_TRIAL = auto()
    """The circuit was open; this one is to show whether it may close."""


class Verdict(Enum):
    """What came of it."""

    SUCCESS = auto()
    FAILURE = auto()
    NEITHER = auto()
    """It says nothing of those behind: a client's mistake, or a client that left."""


@dataclass(frozen=True, slots=True)
class BreakerRules:
    """When a circuit opens, and for how long.

    Attributes:
        failures: How many in a row open it.
        pause_s: How long it stays open at first; each failed trial doubles that.
        longest_pause_s: The most that doubling comes to.
    """

    failures: int = 5
    pause_s: float = 1.0
    longest_pause_s: float = 30.0


TRIAL_PATIENCE: Final = 5.0
"""After how many pauses a trial that has not ended yet makes room for another."""


class Breaker:
    """One circuit.

    Attributes:
        open: Whether only trials are let through.
    """

    __slots__ = ("_failures", "_jitter", "_opened", "_rules", "_trial_until", "_until", "open", "trial")

    def __init__(self, rules: BreakerRules, *, jitter: Callable[[], float] = random.random) -> None:
        self._rules = rules
        self._jitter = jitter
        self._failures = 0
        self._opened = 0
        self._until = self._trial_until = 0.0
        self.open = False
        self.trial = False

    def admit(self, now: float) -> Pass | None:
        """Let somebody through, or not."""
        if not self.open:
            return Pass.FREELY
        if now < self._until or (self.trial and now < self._trial_until):
            return None
        self.trial = True
        self._trial_until = now + TRIAL_PATIENCE * self._rules.pause_s  # a long stream must not keep everybody out
        return Pass.ON_TRIAL

    def wait_s(self, now: float) -> float:
        """Return after how many seconds asking again makes sense."""
        return max(self._until - now, self._rules.pause_s) if self.open else 0.0

    def report(self, how: Pass, verdict: Verdict, now: float) -> None:
        """Take note of what came of somebody who was let through; late news of an open circuit change nothing."""
        if how is Pass.ON_TRIAL:
            self.trial = False
        elif self.open:
            return
        if verdict is Verdict.SUCCESS:
            self.open = False
            self._failures = self._opened = 0
        elif verdict is Verdict.FAILURE:
            self._failures += 1
            if self.open or self._failures >= self._rules.failures:
                self._break(now)

    def _break(self, now: float) -> None:
        pause_s = min(self._rules.pause_s * 2.0**self._opened, self._rules.longest_pause_s)
        self._opened = min(self._opened + 1, 32)
        self._until = now + pause_s * (1.0 + self._jitter() / 2.0)
        self.open = True
