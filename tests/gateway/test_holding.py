"""Requests that wait for a model, before a scripted model and without sockets."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from fairlead_contract.errors import (
    FairleadError,
    LimiterUnavailable,
    ModelLoading,
    Overloaded,
    Unavailable,
    UpstreamFailed,
)
from fairlead_contract.routing import Route
from fairlead_gateway.doors import CircuitOpen
from fairlead_gateway.holding import LONGEST_PAUSE_S, Holding, HoldRules, held, pause_s, retry_after_s
from fairlead_gateway.waiting import ClientLeft, Waiter
from tests.gateway.builders import route
from tests.gateway.support.replies import collected

PATIENCE_S = 5.0


@pytest.mark.parametrize(
    "error, is_held",
    [
        (ModelLoading("x"), True),
        (Unavailable("x"), True),
        (Overloaded("x"), False),
        (CircuitOpen("x"), False),
        (LimiterUnavailable("x"), False),
        (UpstreamFailed("x"), False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_only_absence_is_waited_for(error: FairleadError, is_held: bool) -> None:
    """Nobody is held for a model that is there but full, failing or beyond a limit."""
    assert held(error) is is_held


def test_pauses_grow_up_to_a_bound() -> None:
    """A model that has just gone is asked soon, one that is long gone every other second; never in step."""
    assert [round(pause_s(knocks, 1.0), 2) for knocks in (0, 1, 2, 3, 4, 5, 1000)] == [
        0.25, 0.4, 0.64, 1.02, 1.64, LONGEST_PAUSE_S, LONGEST_PAUSE_S,
    ]  # fmt: skip
    assert pause_s(9, 0.0) == LONGEST_PAUSE_S / 2


@pytest.mark.parametrize(
    "elapsed_s, load_s, told_s",
    [
        pytest.param(0, 20, 20, id="just begun"),
        pytest.param(15, 20, 5, id="three quarters done"),
        pytest.param(19.9, 20, 1, id="nearly done"),
        pytest.param(30, 20, 5, id="slower than last time"),
        pytest.param(0, 900, 120, id="no client waits for longer than two minutes"),
        pytest.param(5000, 900, 120, id="nor when it is late"),
    ],
)
def test_says_when_to_come_back(elapsed_s: float, load_s: float, told_s: float) -> None:
    """Retry-After follows from how long loading took last time."""
    assert retry_after_s(elapsed_s, load_s, 0.0) == told_s
    assert told_s <= retry_after_s(elapsed_s, load_s, 1.0) <= min(told_s * 1.25, 120)


class Model:
    """A model that does not answer until it is told to."""

    def __init__(self) -> None:
        self.knocks = 0
        self.pending = 0
        self.answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.knocked = asyncio.Event()
        self.held: list[int] = []

    async def knock(self, _: Route) -> bool:
        self.knocks += 1
        self.pending += 1
        self.knocked.set()
        try:
            return await asyncio.shield(self.answer)
        finally:
            self.pending -= 1

    def holding(self, *, waiting: int = 1000) -> Holding:
        return Holding(self.knock, HoldRules(waiting=waiting), on_held=lambda _, count: self.held.append(count))


class Held:
    """Requests that are held."""

    def __init__(self, holding: Holding) -> None:
        self.holding = holding
        self.waiters: list[Waiter[None]] = []
        self.tasks: list[asyncio.Task[None]] = []

    async def add(self, count: int, timeout_s: float = PATIENCE_S) -> None:
        for _ in range(count):
            waiter: Waiter[None] = Waiter(collected()[0])
            self.waiters.append(waiter)
            self.tasks.append(asyncio.create_task(self.holding.wait(route(), waiter, timeout_s)))
        await asyncio.sleep(0)

    async def outcomes(self) -> list[type]:
        async with asyncio.timeout(PATIENCE_S):
            return [type(outcome) for outcome in await asyncio.gather(*self.tasks, return_exceptions=True)]


@pytest.fixture
async def model() -> AsyncIterator[Model]:
    model = Model()
    yield model
    model.answer.cancel()


async def test_a_thousand_wait_and_one_knocks(model: Model) -> None:
    """However many wait, one knock is under way, and all are let go when it is answered."""
    crowd = Held(model.holding())
    await crowd.add(1000)
    await asyncio.wait_for(model.knocked.wait(), PATIENCE_S)
    assert (model.knocks, model.pending) == (1, 1)
    model.answer.set_result(True)
    assert await crowd.outcomes() == [type(None)] * 1000
    assert (model.knocks, crowd.holding.cold("demo"), model.held[-1]) == (1, False, 0)


async def test_knocks_again_until_it_is_answered(model: Model) -> None:
    """A model that is not well yet, or cannot be reached, is asked again after a pause."""
    crowd = Held(model.holding())
    await crowd.add(2)
    for refusal in (False, Unavailable("nobody there"), RuntimeError("a mistake of ours")):
        await asyncio.wait_for(model.knocked.wait(), PATIENCE_S)
        model.knocked.clear()
        answered, model.answer = model.answer, asyncio.get_running_loop().create_future()
        if isinstance(refusal, Exception):
            answered.set_exception(refusal)
        else:
            answered.set_result(refusal)
    model.answer.set_result(True)
    assert await crowd.outcomes() == [type(None)] * 2
    assert model.knocks == 4


async def test_a_model_is_cold_once_a_knock_was_in_vain(model: Model) -> None:
    """One request that fails where others are answered makes nobody else wait."""
    crowd = Held(model.holding())
    await crowd.add(1)
    await asyncio.wait_for(model.knocked.wait(), PATIENCE_S)
    assert not crowd.holding.cold("demo")
    model.knocked.clear()
    answered, model.answer = model.answer, asyncio.get_running_loop().create_future()
    answered.set_result(False)
    await asyncio.wait_for(model.knocked.wait(), PATIENCE_S)
    assert crowd.holding.cold("demo")
    model.answer.set_result(True)
    await crowd.outcomes()
    assert not crowd.holding.cold("demo")


async def test_each_gives_up_alone_and_the_last_stops_the_knocking(model: Model) -> None:
    """Deadlines and leaving clients end one wait; when nobody waits nobody knocks."""
    crowd = Held(model.holding())
    await crowd.add(1, timeout_s=0.01)
    await crowd.add(1)
    await asyncio.wait_for(model.knocked.wait(), PATIENCE_S)
    with pytest.raises(TimeoutError):
        await crowd.tasks[0]
    assert model.pending == 1
    crowd.waiters[1].client_gone()
    assert await crowd.outcomes() == [TimeoutError, ClientLeft]
    await asyncio.sleep(0)
    assert (crowd.holding.cold("demo"), model.pending, model.held[-1]) == (False, 0, 0)


async def test_only_so_many_are_held(model: Model) -> None:
    """One more than may wait is told to come back, and those who wait go on."""
    crowd = Held(model.holding(waiting=2))
    await crowd.add(3)
    with pytest.raises(Overloaded):
        await crowd.tasks[2]
    model.answer.set_result(True)
    assert await crowd.outcomes() == [type(None), type(None), Overloaded]


async def test_a_gateway_that_stops_holds_nobody(model: Model) -> None:
    """Those who are held are told to go elsewhere at once, and so are those who come."""
    crowd = Held(model.holding())
    await crowd.add(2)
    crowd.holding.close()
    await crowd.add(1)
    assert await crowd.outcomes() == [Unavailable] * 3
    assert not crowd.holding.cold("demo")


async def test_remembers_how_long_loading_took(model: Model) -> None:
    """What was seen of the last start decides when clients are told to come back."""
    holding = model.holding()
    assert 20 <= holding.retry_after_s("demo") <= 25
    crowd = Held(holding)
    await crowd.add(1)
    await asyncio.wait_for(model.knocked.wait(), PATIENCE_S)
    answered, model.answer = model.answer, asyncio.get_running_loop().create_future()
    answered.set_result(False)
    model.answer.set_result(True)
    await crowd.outcomes()
    assert holding.retry_after_s("demo") <= 2
