"""Whose turn it is."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from fairlead_operator.workqueue import WorkQueue


@dataclass
class Work:
    """What a queue does in these tests, step by step."""

    begun: list[str] = field(default_factory=list)
    parallel: int = 0
    most_parallel: int = 0
    errors: list[str] = field(default_factory=list)
    failures_left: int = 0
    delay_s: float | None = None
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    turns: asyncio.Queue[str] = field(default_factory=asyncio.Queue)

    async def __call__(self, key: str) -> float | None:
        self.begun.append(key)
        self.turns.put_nowait(key)
        self.parallel += 1
        self.most_parallel = max(self.most_parallel, self.parallel)
        try:
            await self.gate.wait()
        finally:
            self.parallel -= 1
        if self.failures_left:
            self.failures_left -= 1
            raise ValueError(key)
        return self.delay_s

    def failed(self, key: str, error: Exception) -> None:
        self.errors.append(f"{key} {type(error).__name__}")


async def test_once_at_a_time() -> None:
    """A key that changes while it is worked on has one more turn afterwards, however often it changed."""
    work = Work()
    async with running(work) as queue:
        queue.add("a")
        await work.turns.get()
        for _ in range(5):
            queue.add("a")
        work.gate.set()
        await work.turns.get()
        queue.add("b")
        await work.turns.get()

    assert work.begun == ["a", "a", "b"]
    assert work.most_parallel == 1


async def test_keys_side_by_side() -> None:
    """Different keys are worked on at the same time."""
    work = Work()
    async with running(work) as queue:
        queue.add("a")
        queue.add("b")
        assert {await work.turns.get(), await work.turns.get()} == {"a", "b"}

    assert work.most_parallel == 2


async def test_failure() -> None:
    """A key whose work failed is told of, and has another turn later; others go on."""
    work = Work(failures_left=1)
    work.gate.set()
    async with running(work) as queue:
        queue.add("a")
        assert await work.turns.get() == "a"
        queue.add("b")
        assert await work.turns.get() == "b"
        assert await asyncio.wait_for(work.turns.get(), 10) == "a"

    assert work.errors == ["a ValueError"]


async def test_again() -> None:
    """A key has another turn after the time that its work asked for."""
    work = Work(delay_s=0.01)
    work.gate.set()
    async with running(work) as queue:
        queue.add("a")
        assert [await asyncio.wait_for(work.turns.get(), 10) for _ in range(3)] == ["a", "a", "a"]


async def test_longest() -> None:
    """How long the present work lasts is known, so that a hung one is seen."""
    work = Work()
    async with running(work) as queue:
        assert queue.longest_s() == 0
        queue.add("a")
        await work.turns.get()
        assert queue.longest_s() >= 0
        assert queue.longest_s() < queue.longest_s() + 1


@asynccontextmanager
async def running(work: Work) -> AsyncIterator[WorkQueue[str]]:
    queue: WorkQueue[str] = WorkQueue(work, work.failed)
    task = asyncio.create_task(queue.run(2))
    try:
        yield queue
    finally:
        task.cancel()
        await asyncio.wait([task])
