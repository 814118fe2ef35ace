"""The one timer of all connections."""

import asyncio

from fairlead_gateway.deadlines import NEVER, Deadlines


class Thing:
    """Something with patience."""

    def __init__(self, deadline_at: float) -> None:
        self.deadline_at = deadline_at
        self.passed = asyncio.Event()

    def on_deadline(self, now: float) -> None:
        assert now >= self.deadline_at
        self.deadline_at = NEVER
        self.passed.set()


async def test_meets_deadlines() -> None:
    """Who is watched is told once its moment has passed, and who is not, or has none, never."""
    loop = asyncio.get_running_loop()
    deadlines = Deadlines(loop, interval_s=0.01)
    soon, never, forgotten = Thing(loop.time() + 0.05), Thing(NEVER), Thing(loop.time() + 0.01)
    for thing in (soon, never, forgotten):
        deadlines.watch(thing)
    deadlines.forget(forgotten)
    await asyncio.wait_for(soon.passed.wait(), 1)
    assert not never.passed.is_set()
    assert not forgotten.passed.is_set()
    deadlines.close()


async def test_a_moved_deadline_is_met_later() -> None:
    """Moving a deadline costs nothing and counts at once."""
    loop = asyncio.get_running_loop()
    deadlines = Deadlines(loop, interval_s=0.01)
    thing = Thing(loop.time() + 10)
    deadlines.watch(thing)
    thing.deadline_at = loop.time()
    await asyncio.wait_for(thing.passed.wait(), 1)
    deadlines.close()
