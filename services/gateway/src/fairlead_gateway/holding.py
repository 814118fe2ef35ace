"""Requests to a model that is not there yet: held until it answers, within bounds.

Of all that wait for a model nobody asks for itself. One knock at a time goes to the model's health route, with growing,
jittered pauses between; when it is answered all are let go. A knock that is itself held upstream (Ray Serve does so
while it wakes a model from zero replicas) stays open for as long as a request of a client would.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from fairlead_contract.errors import FairleadError, ModelLoading, Overloaded, Unavailable
from fairlead_contract.routing import Route
from fairlead_gateway.envelope import MAX_RETRY_AFTER_S
from fairlead_gateway.waiting import Waiter

log = logging.getLogger(__name__)

Knock: TypeAlias = Callable[[Route], Awaitable[bool]]
"""Asks a model whether it answers; raises nothing but FairleadError."""

FIRST_PAUSE_S: Final = 0.25
LONGEST_PAUSE_S: Final = 2.0
KNOCK_S: Final = 60.0
"""How long one knock may take: one that is stuck with a replica that hangs must not keep the others from a new one."""
FULL_RETRY_S: Final = 5.0
LOAD_S: Final = 20.0
"""How long loading takes as long as this gateway has not seen it."""
SPELL_S: Final = 150.0
"""Who comes back within this time comes back to the same start of a model: a bit more than the longest Retry-After."""


@dataclass(frozen=True, slots=True)
class HoldRules:
    """How long and how many; a time of 0 holds nobody.

    Attributes:
        stream_s: The longest that a streamed request is held; comments keep its client company.
        whole_s: The longest that any other is.
        waiting: The most that are held for one model.
    """

    stream_s: float = 120.0
    whole_s: float = 20.0
    waiting: int = 1000

    def bound_s(self, *, stream: bool) -> float:
        return self.stream_s if stream else self.whole_s


def held(error: FairleadError) -> bool:
    """Return whether an error says that nobody is there to answer; of one who is busy it does not."""
    return type(error) in {ModelLoading, Unavailable}


def pause_s(knocks: int, jitter: float) -> float:
    """Return the pause after so many knocks in vain; jitter is between 0 and 1."""
    return min(FIRST_PAUSE_S * 1.6 ** min(knocks, 16), LONGEST_PAUSE_S) * (0.5 + jitter / 2)


def retry_after_s(elapsed_s: float, load_s: float, jitter: float) -> float:
    """Return when to come back for a model that has been loading for a while and is thought to take so long."""
    left_s = load_s - elapsed_s
    if left_s <= 0:
        left_s = load_s / 4  # slower than last time: nobody knows, so not too soon
    return min(max(left_s, 1.0) * (1.0 + jitter / 4), float(MAX_RETRY_AFTER_S))


@dataclass(slots=True)
class _Spell:
    """A time in which a model does not answer, in seconds of the event loop."""

    since: float
    last: float


@dataclass(slots=True)
class _Cold:
    """A model that does not answer, and who waits for it.

    Attributes:
        confirmed: Whether a knock was in vain; before that one request has failed, which others need not.
    """

    waiters: dict[Waiter[None], None] = field(default_factory=dict)
    task: asyncio.Task[None] | None = None
    confirmed: bool = False


class Holding:
    """All held requests of a gateway.

    Args:
        on_held: Called with a model's name and how many are held for it, when that changes.
    """

    def __init__(self, knock: Knock, rules: HoldRules, *, on_held: Callable[[str, int], None] | None = None) -> None:
        self.rules = rules
        self._knock = knock
        self._on_held = on_held
        self._cold: dict[str, _Cold] = {}
        self._spells: dict[str, _Spell] = {}
        self._load_s: dict[str, float] = {}
        self._closed = False

    def cold(self, model: str) -> bool:
        """Return whether a model is known not to answer, so that asking it is in vain."""
        cold = self._cold.get(model)
        return cold is not None and cold.confirmed

    async def wait(self, route: Route, waiter: Waiter[None], timeout_s: float) -> None:
        """Wait until a model answers.

        Raises:
            Overloaded: Too many wait already.
            ClientLeft, TimeoutError, FairleadError: As `Waiter.wait`.
        """
        if self._closed:
            raise _stopping()
        cold = self._cold.get(route.identity)
        if cold is None:
            cold = self._cold[route.identity] = _Cold()
            self._spell(route.identity)
            cold.task = asyncio.create_task(self._watch(route, cold))
        if len(cold.waiters) >= self.rules.waiting:
            raise Overloaded(
                "Too many requests wait for the model to start. Retry later.",
                retry_after_s=FULL_RETRY_S * random.uniform(1.0, 2.0),  # noqa: S311 - not a secret
            )
        cold.waiters[waiter] = None
        self._tell(route.identity, cold)
        try:
            await waiter.wait(timeout_s)
        finally:
            self._forget(route.identity, cold, waiter)

    def retry_after_s(self, model: str) -> float:
        """Return after how many seconds a client that was held in vain had best come back."""
        spell = self._spell(model)
        elapsed_s = spell.last - spell.since
        return retry_after_s(elapsed_s, self._load_s.get(model, LOAD_S), random.random())  # noqa: S311 - not a secret

    def close(self) -> None:
        """Hold nobody any more: those who are held are told to go elsewhere."""
        self._closed = True
        for cold in self._cold.values():
            for waiter in cold.waiters:
                waiter.fail(_stopping())

    async def _watch(self, route: Route, cold: _Cold) -> None:
        """Knock until the model answers; it is cancelled when nobody waits any more."""
        knocks = 0
        while not await self._answers(route):
            cold.confirmed = True
            await asyncio.sleep(pause_s(knocks, random.random()))  # noqa: S311 - not a secret
            knocks += 1
        spell = self._spell(route.identity)
        if knocks:
            self._load_s[route.identity] = spell.last - spell.since
        del self._spells[route.identity]
        del self._cold[route.identity]
        for waiter in cold.waiters:
            waiter.resolve(None)

    async def _answers(self, route: Route) -> bool:
        try:
            async with asyncio.timeout(KNOCK_S):
                return await self._knock(route)
        except (FairleadError, TimeoutError):
            return False
        except Exception:  # all that wait for the model hang on this task
            log.exception("knocking at a model failed")
            return False

    def _forget(self, model: str, cold: _Cold, waiter: Waiter[None]) -> None:
        cold.waiters.pop(waiter, None)
        if not cold.waiters and cold.task is not None and self._cold.get(model) is cold:
            cold.task.cancel()
            del self._cold[model]
        self._tell(model, self._cold.get(model, cold))

    def _spell(self, model: str) -> _Spell:
        """Return the spell that a model is in, brought up to now."""
        now = asyncio.get_running_loop().time()
        spell = self._spells.get(model)
        if spell is None or now - spell.last > SPELL_S:
            spell = self._spells[model] = _Spell(now, now)
        spell.last = now
        return spell

    def _tell(self, model: str, cold: _Cold) -> None:
        if self._on_held is not None:
            self._on_held(model, len(cold.waiters))


def _stopping() -> FairleadError:
    return Unavailable("The gateway is shutting down; send the request again.", retry_after_s=1)
