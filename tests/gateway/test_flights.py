"""Who fetches an answer and who waits for it, without sockets."""

import asyncio

import pytest

from fairlead_contract.errors import InvalidRequest, Overloaded, Unavailable
from fairlead_gateway.cache import CachedAnswer
from fairlead_gateway.flights import Flights, Follower
from fairlead_gateway.waiting import ClientLeft, Waiter
from tests.gateway.support.replies import collected

ANSWER = CachedAnswer("application/json", b"{}", 1, 2)
PATIENCE_S = 5.0


class Crowd:
    """Followers of one question, the first of whom already leads."""

    def __init__(self, flights: Flights) -> None:
        self.flights = flights
        self.followers: list[Follower] = []
        self.tasks: list[asyncio.Task[CachedAnswer | None]] = []
        assert flights.lead("q")

    async def grow(self, count: int, timeout_s: float = PATIENCE_S) -> None:
        for _ in range(count):
            assert not self.flights.lead("q")
            follower: Follower = Waiter(collected()[0])
            self.followers.append(follower)
            self.tasks.append(asyncio.create_task(self.flights.follow("q", follower, timeout_s)))
        await asyncio.sleep(0)

    async def outcomes(self) -> list[CachedAnswer | BaseException | None]:
        async with asyncio.timeout(PATIENCE_S):
            return list(await asyncio.gather(*self.tasks, return_exceptions=True))

    def waiting(self) -> int:
        return sum(not task.done() for task in self.tasks)


@pytest.fixture
async def crowd() -> Crowd:
    crowd = Crowd(Flights(followers=3))
    await crowd.grow(3)
    return crowd


async def test_all_get_the_leaders_answer(crowd: Crowd) -> None:
    """One answer is enough for all, and for those who come before the leader has put it away."""
    assert crowd.flights.landed("q") is None
    crowd.flights.land("q", ANSWER)
    assert await crowd.outcomes() == [ANSWER] * 3
    assert crowd.flights.landed("q") == ANSWER
    crowd.flights.leave("q")
    assert crowd.flights.landed("q") is None
    assert len(crowd.flights) == 0


async def test_the_lead_passes_to_one_at_a_time_in_turn(crowd: Crowd) -> None:
    """A leader without an answer is followed by the one who has waited longest, and the others go on waiting."""
    for number in range(3):
        crowd.flights.leave("q")
        assert await asyncio.wait_for(crowd.tasks[number], PATIENCE_S) is None
        assert crowd.waiting() == 2 - number
    crowd.flights.leave("q")
    assert len(crowd.flights) == 0


async def test_who_has_left_is_passed_over(crowd: Crowd) -> None:
    """A follower whose client is gone never leads."""
    crowd.followers[0].client_gone()
    crowd.flights.leave("q")
    assert await asyncio.wait_for(crowd.tasks[1], PATIENCE_S) is None
    crowd.flights.land("q", ANSWER)
    outcomes = await crowd.outcomes()
    assert isinstance(outcomes[0], ClientLeft)
    assert outcomes[1:] == [None, ANSWER]


async def test_who_is_cancelled_with_the_lead_in_hand_passes_it_on(crowd: Crowd) -> None:
    """The lead is never lost with a follower that ends in the moment of getting it."""
    crowd.flights.leave("q")
    crowd.tasks[0].cancel()
    assert await asyncio.wait_for(crowd.tasks[1], PATIENCE_S) is None
    crowd.flights.land("q", ANSWER)
    assert (await crowd.outcomes())[2] == ANSWER


async def test_a_fault_of_the_question_is_everybodys(crowd: Crowd) -> None:
    """What the engine says of the question itself it would say to each of them."""
    crowd.flights.refuse("q", InvalidRequest("no"))
    crowd.flights.leave("q")
    assert [type(outcome) for outcome in await crowd.outcomes()] == [InvalidRequest] * 3
    assert len(crowd.flights) == 0


async def test_only_so_many_may_wait(crowd: Crowd) -> None:
    """One more than may wait is told to come back."""
    await crowd.grow(1)
    with pytest.raises(Overloaded):
        await crowd.tasks[3]
    crowd.flights.land("q", ANSWER)
    assert (await crowd.outcomes())[:3] == [ANSWER] * 3


async def test_who_waits_too_long_or_is_stopped_gives_up_alone() -> None:
    """A follower's deadline, and the gateway's end, are its own."""
    crowd = Crowd(Flights())
    await crowd.grow(1, timeout_s=0.01)
    await crowd.grow(2)
    crowd.followers[1].stopped(Unavailable("The gateway is shutting down."))
    with pytest.raises(TimeoutError):
        await crowd.tasks[0]
    crowd.flights.land("q", ANSWER)
    outcomes = await crowd.outcomes()
    assert isinstance(outcomes[1], Unavailable)
    assert outcomes[2] == ANSWER
