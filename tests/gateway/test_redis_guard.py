import asyncio
from functools import partial

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from fairlead_gateway.redis_guard import RedisGuard, RedisLost


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


async def answering() -> str:
    return "answer"


async def failing() -> str:
    raise RedisConnectionError("gone")


async def test_an_answer_comes_back() -> None:
    """The guard is invisible while all is well."""
    assert await RedisGuard().run(answering) == "answer"


async def test_nobody_waits_longer_than_the_deadline() -> None:
    """A Redis that hangs is as lost as one that is gone."""
    release = asyncio.Event()
    guard = RedisGuard(deadline_s=0.01)
    with pytest.raises(RedisLost):
        await guard.run(release.wait)
    release.set()
    await guard.drain()


async def test_after_a_failure_redis_is_left_alone_for_a_moment() -> None:
    """An outage costs one deadline, not one per request."""
    clock = Clock()
    guard = RedisGuard(pause_s=0.5, clock=clock)
    with pytest.raises(RedisLost, match="gone"):
        await guard.run(failing)
    clock.now = 0.4
    with pytest.raises(RedisLost, match="paused"):
        await guard.run(answering)
    clock.now = 0.6
    assert await guard.run(answering) == "answer"


async def test_the_state_is_told_when_it_changes_and_only_then() -> None:
    """Metrics see when Redis is lost and when it is back."""
    clock = Clock()
    told: list[bool] = []
    guard = RedisGuard(clock=clock, on_state=told.append)
    for moment, command in enumerate((answering, answering, failing, answering, failing)):
        clock.now = float(moment)
        try:
            await guard.run(command)
        except RedisLost:
            continue
    assert told == [True, False, True, False]


async def test_a_command_whose_caller_is_cancelled_runs_to_its_end() -> None:
    """A connection is never given back with half an answer on it."""
    started, release, finished = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def command() -> None:
        started.set()
        await release.wait()
        finished.set()

    guard = RedisGuard()
    caller = asyncio.create_task(guard.run(command))
    await started.wait()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    release.set()
    await guard.drain()
    assert finished.is_set()


async def test_cancelled_callers_never_mix_up_answers(redis: Redis) -> None:
    """Ten thousand abandoned commands later, everyone still gets their own answer."""
    for number in range(100):
        await redis.set(f"key-{number}", number)
    guard = RedisGuard(deadline_s=30)
    for number in range(10_000):
        caller = asyncio.create_task(guard.run(partial(redis.get, f"key-{number % 100}")))
        for _ in range(number % 5):  # cancelled before, while and after the command is sent
            await asyncio.sleep(0)
        if number % 100 == 99:
            await guard.drain()
        caller.cancel()
        await asyncio.gather(caller, return_exceptions=True)
    await guard.drain()
    answers = await asyncio.gather(*(guard.run(partial(redis.get, f"key-{number}")) for number in range(100)))
    assert answers == [str(number).encode() for number in range(100)]


async def test_a_late_failure_of_an_abandoned_command_troubles_nobody() -> None:
    """An exception that nobody waits for is not reported as forgotten."""
    release = asyncio.Event()

    async def command() -> None:
        await release.wait()
        raise RedisConnectionError("late")

    guard = RedisGuard(deadline_s=0.01)
    with pytest.raises(RedisLost):
        await guard.run(command)
    release.set()
    await guard.drain()
