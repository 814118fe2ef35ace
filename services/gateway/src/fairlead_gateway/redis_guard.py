"""Calls to Redis that no request waits for longer than a deadline, and that are never cut in the middle.

A cancelled command would leave its answer on the connection for whoever uses it next (CVE-2023-28858), so commands run
in tasks of their own; a caller that gives up or is cancelled leaves its command to finish. After a failure Redis is
left alone for a moment, so that an outage costs one deadline and not one per request.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from redis.exceptions import RedisError

Answer = TypeVar("Answer")


class RedisLost(Exception):
    """Redis did not answer in time, or at all."""


class RedisGuard:
    """Runs commands under a deadline.

    Args:
        deadline_s: Longest time that a caller waits.
        pause_s: Time for which Redis is not asked after a failure.
        on_state: Told whether Redis answers, whenever that changes.
    """

    def __init__(
        self,
        *,
        deadline_s: float = 1.0,
        pause_s: float = 0.5,
        clock: Callable[[], float] = time.monotonic,
        on_state: Callable[[bool], None] | None = None,
    ) -> None:
        self._deadline_s = deadline_s
        self._pause_s = pause_s
        self._clock = clock
        self._on_state = on_state
        self._paused_until = 0.0
        self._answers: bool | None = None
        self._running: set[asyncio.Future[Any]] = set()

    async def run(self, command: Callable[[], Awaitable[Answer]]) -> Answer:
        """Run a command.

        Raises:
            RedisLost: There was no answer in time, or there was none a moment ago.
        """
        if self._clock() < self._paused_until:
            raise RedisLost("paused after a failure")
        task: asyncio.Future[Answer] = asyncio.ensure_future(command())
        self._running.add(task)
        task.add_done_callback(self._finished)
        await asyncio.wait({task}, timeout=self._deadline_s)
        if not task.done():
            raise self._lost("no answer in time")
        try:
            answer = task.result()
        except (RedisError, OSError, TimeoutError) as error:
            raise self._lost(str(error) or type(error).__name__) from error
        self._tell(answers=True)
        return answer

    async def drain(self) -> None:
        """Wait for commands whose callers have gone."""
        if self._running:
            await asyncio.wait(self._running)

    def _lost(self, reason: str) -> RedisLost:
        self._paused_until = self._clock() + self._pause_s
        self._tell(answers=False)
        return RedisLost(reason)

    def _finished(self, task: asyncio.Future[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # retrieved, so that a late failure is not reported as forgotten

    def _tell(self, *, answers: bool) -> None:
        if answers != self._answers:
            self._answers = answers
            if self._on_state is not None:
                self._on_state(answers)
