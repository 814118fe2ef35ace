"""One upstream call for many identical questions: the first fetches the answer, the others wait for it.

Whoever asks first leads; who asks the same before the answer is there follows, and gets the finished answer. Where the
leader comes to no answer, the lead passes to the follower who has waited longest, to one at a time: followers neither
fail with their leader nor all run at once. A refusal that is the question's own fault is everybody's.
"""

from dataclasses import dataclass, field
from typing import TypeAlias

from fairlead_contract.errors import FairleadError, Overloaded
from fairlead_gateway.cache import CachedAnswer
from fairlead_gateway.waiting import Waiter

Follower: TypeAlias = Waiter[CachedAnswer | None]
"""Resolved with the answer, or with None where the lead is its own."""

RETRY_S = 2.0


@dataclass(slots=True)
class _Flight:
    """One question that is under way; followers in the order in which they came."""

    followers: dict[Follower, None] = field(default_factory=dict)
    answer: CachedAnswer | None = None


class Flights:
    """All questions that are under way in this gateway, by their names in the cache.

    Args:
        followers: The most that may wait for one answer.
    """

    def __init__(self, *, followers: int = 4096) -> None:
        self._most = followers
        self._flights: dict[str, _Flight] = {}

    def __len__(self) -> int:
        return len(self._flights)

    def lead(self, key: str) -> bool:
        """Take the lead where nobody has it; return whether it was taken."""
        if key in self._flights:
            return False
        self._flights[key] = _Flight()
        return True

    def landed(self, key: str) -> CachedAnswer | None:
        """Return the answer of a question that is under way, where it is there already."""
        flight = self._flights.get(key)
        return None if flight is None else flight.answer

    async def follow(self, key: str, follower: Follower, timeout_s: float) -> CachedAnswer | None:
        """Wait for the leader's answer, which has not `landed`; return None where the lead has passed to this follower.

        Raises:
            Overloaded: Too many wait already.
            ClientLeft, TimeoutError, FairleadError: As `Waiter.wait`.
        """
        flight = self._flights[key]
        if len(flight.followers) >= self._most:
            raise Overloaded(
                "Too many requests wait for the answer to this same question. Retry shortly.", retry_after_s=RETRY_S
            )
        flight.followers[follower] = None
        try:
            return await follower.wait(timeout_s)
        except BaseException:  # however the wait ends, cancellation too, a lead that was given must be passed on
            if follower not in flight.followers:
                self.leave(key)  # the lead came in the very moment in which the wait ended
            raise
        finally:
            flight.followers.pop(follower, None)

    def land(self, key: str, answer: CachedAnswer) -> None:
        """Give the finished answer to all who follow, and to those who come until the leader leaves."""
        flight = self._flights[key]
        flight.answer = answer
        for follower in flight.followers:
            follower.resolve(answer)

    def refuse(self, key: str, error: FairleadError) -> None:
        """Tell all who follow that the question itself is at fault."""
        for follower in self._flights[key].followers:
            follower.fail(error)

    def leave(self, key: str) -> None:
        """Give the lead up: without an answer it passes to the next who still waits."""
        flight = self._flights[key]
        if flight.answer is None:
            for follower in list(flight.followers):
                if not follower.done:
                    del flight.followers[follower]
                    follower.resolve(None)
                    return
        del self._flights[key]
