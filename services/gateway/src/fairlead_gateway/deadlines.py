"""One timer for all connections.

A connection keeps the moment at which its patience ends in an attribute; setting it costs nothing, however often bytes
arrive. A sweep a few times a second finds those whose moment has passed.
"""

import asyncio
import math
from typing import Final, Protocol

NEVER: Final = math.inf
SWEEP_INTERVAL_S: Final = 0.25


class Watched(Protocol):
    """Something with limited patience."""

    deadline_at: float
    """Event-loop time in seconds, or NEVER."""

    def on_deadline(self, now: float) -> None:
        """Act on a deadline that has passed: move it or end the connection."""


class Deadlines:
    """Everything that is watched by one event loop; deadlines are met within `interval_s`."""

    def __init__(self, loop: asyncio.AbstractEventLoop, *, interval_s: float = SWEEP_INTERVAL_S) -> None:
        self._loop = loop
        self._interval_s = interval_s
        self._watched: set[Watched] = set()
        self._timer: asyncio.TimerHandle | None = loop.call_later(interval_s, self._sweep)

    def watch(self, thing: Watched) -> None:
        self._watched.add(thing)

    def forget(self, thing: Watched) -> None:
        self._watched.discard(thing)

    def close(self) -> None:
        """Stop sweeping."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _sweep(self) -> None:
        now = self._loop.time()
        self._timer = self._loop.call_later(self._interval_s, self._sweep)
        for thing in [thing for thing in self._watched if thing.deadline_at <= now]:
            thing.on_deadline(now)
