"""Whose turn it is: each ModelDeployment at most once at a time, again if it changed meanwhile, later if it failed."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)

FIRST_DELAY_S = 0.5
LONGEST_DELAY_S = 60.0


@dataclass(slots=True)
class WorkQueue(Generic[K]):
    """Keys that wait for their turn, and workers that take them."""

    work: Callable[[K], Awaitable[float | None]]
    """Does one key's work; returns the seconds after which to do it again, or None for not before it is added."""

    failed: Callable[[K, Exception], None]
    waiting: Callable[[int], None] = lambda _: None
    """Told how many keys wait."""

    _ready: asyncio.Queue[K] = field(default_factory=asyncio.Queue)
    _queued: set[K] = field(default_factory=set)
    _running: set[K] = field(default_factory=set)
    _again: set[K] = field(default_factory=set)
    _timers: dict[K, asyncio.TimerHandle] = field(default_factory=dict)
    _failures: dict[K, int] = field(default_factory=dict)
    _since_s: dict[K, float] = field(default_factory=dict)

    def add(self, key: K) -> None:
        """Give a key its turn as soon as possible."""
        timer = self._timers.pop(key, None)
        if timer:
            timer.cancel()
        if key in self._running:
            self._again.add(key)
        elif key not in self._queued:
            self._queued.add(key)
            self._ready.put_nowait(key)
            self.waiting(len(self._queued))

    def longest_s(self) -> float:
        """Return for how many seconds the key that is worked on longest has been."""
        now_s = asyncio.get_running_loop().time()
        return max((now_s - since_s for since_s in self._since_s.values()), default=0.0)

    async def run(self, workers: int) -> None:
        """Work for ever."""
        async with asyncio.TaskGroup() as group:
            for _ in range(workers):
                group.create_task(self._work_for_ever())

    async def _work_for_ever(self) -> None:
        while True:
            await self._work_on(await self._ready.get())

    async def _work_on(self, key: K) -> None:
        self._queued.discard(key)
        self._running.add(key)
        self._since_s[key] = asyncio.get_running_loop().time()
        self.waiting(len(self._queued))
        try:
            delay_s = await self.work(key)
            self._failures.pop(key, None)
        except Exception as error:  # noqa: BLE001 - one model's trouble is not the others'
            self.failed(key, error)
            failures = self._failures[key] = self._failures.get(key, 0) + 1
            delay_s = min(LONGEST_DELAY_S, FIRST_DELAY_S * 2 ** min(failures - 1, 10))
        finally:
            self._running.discard(key)
            self._since_s.pop(key, None)
        if key in self._again:
            self._again.discard(key)
            if key in self._failures:
                self._later(key, delay_s or FIRST_DELAY_S)
            else:
                self.add(key)
        elif delay_s is not None:
            self._later(key, delay_s)

    def _later(self, key: K, delay_s: float) -> None:
        self._timers[key] = asyncio.get_running_loop().call_later(delay_s, self.add, key)
