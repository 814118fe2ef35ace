"""Keeps looking at a running engine and ends it when it is dead or hung."""

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from fairlead_contract.errors import EngineDied
from fairlead_serving.health import ProgressWatch, Reading, Verdict

logger = logging.getLogger(__name__)

LOOK_EVERY_S = 0.5
PROBE_EVERY_S = 5.0
LAST_WORDS_S = 1.0
"""For which a failed replica lives on, so that the streams in flight get their error."""


class WatchedEngine(Protocol):
    """What the guard needs of an engine."""

    def reading(self) -> Reading:
        """Look at the engine."""

    async def probe(self) -> None:
        """Ask the engine's core for a sign of life; counts as pending work until it is answered."""

    def kill(self) -> None:
        """End all of its processes at once, stopped ones too."""


class EngineGuard:
    """Watches one engine; an engine once found dead or hung stays failed.

    Requests in flight end with vLLM's own error as soon as the engine's processes are gone, so a hung engine is killed
    rather than waited for. Then the replica leaves: Serve replaces a dead actor at once, an unhealthy one later.

    Args:
        engine: The engine.
        watch: Judges its readings.
        leave: Ends the replica's process.
    """

    def __init__(self, engine: WatchedEngine, watch: ProgressWatch, leave: Callable[[], None]) -> None:
        self._engine = engine
        self._watch = watch
        self._leave = leave
        self._failure: str | None = None
        self._task: asyncio.Task[None] | None = None
        self._probe: asyncio.Task[None] | None = None
        self._next_probe = 0.0

    def start(self) -> None:
        """Begin to watch, on the running event loop."""
        self._task = asyncio.get_running_loop().create_task(self._look_for_ever())

    async def stop(self) -> None:
        """Stop watching; to be called before an orderly shutdown, which would look like a death."""
        for task in (self._task, self._probe):
            if task is not None:
                task.cancel()
        await asyncio.gather(*filter(None, (self._task, self._probe)), return_exceptions=True)

    def check(self) -> None:
        """Return if the engine is well.

        Raises:
            EngineDied: if it was found dead or hung.
        """
        if self._failure is not None:
            raise EngineDied(self._failure)

    async def _look_for_ever(self) -> None:
        while (failure := self._look()) is None:  # noqa: ASYNC110 - an engine that hangs sets no event
            await asyncio.sleep(LOOK_EVERY_S)
        self._failure = failure
        logger.error("%s", failure)
        self._engine.kill()
        await asyncio.sleep(LAST_WORDS_S)
        self._leave()

    def _look(self) -> str | None:
        """Look once; return what is wrong with the engine, if anything is."""
        self._probe_if_idle()
        match self._watch.observe(self._engine.reading()):
            case Verdict.HEALTHY:
                return None
            case Verdict.DEAD:
                return "the engine's process died; the replica is replaced"
            case Verdict.HUNG:
                still_s = self._watch.still_for_s
                return f"the engine made no progress for {still_s:.0f} s with work pending; the replica is replaced"

    def _probe_if_idle(self) -> None:
        """An engine without work could hang unseen until the next client finds out: ask it now and then."""
        now = asyncio.get_running_loop().time()
        is_asked = self._probe is not None and not self._probe.done()
        if not is_asked and now >= self._next_probe and not self._engine.reading().pending:
            self._next_probe = now + PROBE_EVERY_S
            self._probe = asyncio.get_running_loop().create_task(self._engine.probe())
