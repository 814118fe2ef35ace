"""Watching an engine, and ending it when it is dead or hung."""

import asyncio

import pytest

from fairlead_contract.errors import EngineDied
from fairlead_serving import guard as guard_module
from fairlead_serving.guard import EngineGuard
from fairlead_serving.health import Patience, ProgressWatch, Reading


class Engine:
    """An engine in the test's hands."""

    def __init__(self) -> None:
        self.alive = True
        self.pending = 0
        self.probes = 0
        self.is_answering = True
        self.killed = asyncio.Event()

    def reading(self) -> Reading:
        return Reading(alive=self.alive, pending=self.pending, progress=self.probes)

    async def probe(self) -> None:
        self.pending += 1
        if not self.is_answering:
            await asyncio.Event().wait()
        self.pending -= 1
        self.probes += 1

    def kill(self) -> None:
        self.killed.set()


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard_module, "LOOK_EVERY_S", 0.001)
    monkeypatch.setattr(guard_module, "PROBE_EVERY_S", 0.01)
    monkeypatch.setattr(guard_module, "LAST_WORDS_S", 0.001)


def guarded(engine: Engine) -> tuple[EngineGuard, asyncio.Event]:
    left = asyncio.Event()
    watch = ProgressWatch(lambda: False, Patience(stall_after_s=0.05))
    return EngineGuard(engine, watch, left.set), left


async def test_a_well_engine_is_left_alone() -> None:
    """While the engine answers, the check passes and nothing is killed."""
    engine = Engine()
    guard, left = guarded(engine)
    guard.start()
    while engine.probes < 10:  # noqa: ASYNC110 - the engine has no event for it
        await asyncio.sleep(0.001)
    guard.check()
    await guard.stop()
    assert not engine.killed.is_set()
    assert not left.is_set()


async def test_a_dead_engine_is_cleaned_up_and_the_replica_leaves() -> None:
    """A dead engine's processes are killed, the check says so, and the replica leaves."""
    engine = Engine()
    guard, left = guarded(engine)
    engine.alive = False
    guard.start()
    await asyncio.wait_for(left.wait(), 5)
    assert engine.killed.is_set()
    with pytest.raises(EngineDied, match="died"):
        guard.check()


async def test_a_hung_engine_without_requests_is_found_by_its_probe() -> None:
    """An idle engine that does not answer its probe is hung, and is killed."""
    engine = Engine()
    engine.is_answering = False
    guard, left = guarded(engine)
    guard.start()
    await asyncio.wait_for(left.wait(), 5)
    with pytest.raises(EngineDied, match="no progress"):
        guard.check()
    await guard.stop()


async def test_an_orderly_stop_is_no_death() -> None:
    """After the guard stopped, an engine that ends is nobody's failure."""
    engine = Engine()
    guard, left = guarded(engine)
    guard.start()
    await guard.stop()
    engine.alive = False
    await asyncio.sleep(0.02)
    guard.check()
    assert not left.is_set()
