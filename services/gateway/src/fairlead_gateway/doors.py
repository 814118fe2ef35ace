"""One door before each model: how many requests are behind it, and whether those behind it answer.

A request that may not pass is refused at once, with a time to come back: 503, for it is our capacity that is short and
not the client's quota.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from fairlead_contract.errors import EngineDied, Overloaded, Unavailable, UpstreamFailed, UpstreamTimeout
from fairlead_gateway.breaker import Breaker, BreakerRules, Pass, Verdict
from fairlead_gateway.delivery import Delivery
from fairlead_gateway.limits import Outcome

RETRY_S: Final = 2.0

_FAULTS: Final = frozenset({EngineDied.code, UpstreamFailed.code, UpstreamTimeout.code, Unavailable.code})
"""What a model's replicas are to blame for; that one is only loading or full is no fault."""


@dataclass(frozen=True, slots=True)
class DoorRules:
    """What a door lets through.

    Attributes:
        running: Requests of one model that run at a time.
    """

    running: int = 4096
    breaker: BreakerRules = field(default_factory=BreakerRules)


class CircuitOpen(Unavailable):
    """The model's replicas have failed too often in a row; waiting for them to appear would not help."""


class Door:
    """The door before one model."""

    __slots__ = ("_breaker", "_model", "_on_circuit", "_rules", "_running")

    def __init__(self, model: str, rules: DoorRules, on_circuit: Callable[[str, bool], None] | None) -> None:
        self._model = model
        self._rules = rules
        self._breaker = Breaker(rules.breaker)
        self._on_circuit = on_circuit
        self._running = 0

    def enter(self, now: float) -> Pass:
        """Let a request through; whoever passes must `leave`.

        Raises:
            Overloaded: As many run as may.
            CircuitOpen: The model's replicas have failed too often in a row.
        """
        if self._running >= self._rules.running:
            raise Overloaded(
                "This gateway runs as many requests of the model as it may. Retry shortly.",
                retry_after_s=RETRY_S * random.uniform(1.0, 2.0),  # noqa: S311 - not a secret
            )
        how = self._breaker.admit(now)
        if how is None:
            raise CircuitOpen(
                "The model has failed several times in a row and is given a moment to recover. Retry shortly.",
                retry_after_s=self._breaker.wait_s(now),
            )
        self._running += 1
        return how

    def leave(self, how: Pass, verdict: Verdict, now: float) -> None:
        """Take note that a request is through, and of what came of it."""
        self._running -= 1
        before = self._breaker.open
        self._breaker.report(how, verdict, now)
        if self._breaker.open is not before and self._on_circuit is not None:
            self._on_circuit(self._model, self._breaker.open)


class Doors:
    """The doors of all models; names come from the catalog, never from a client.

    Args:
        on_circuit: Called with a model's name and whether its circuit is open, when that changes.
    """

    def __init__(
        self, rules: DoorRules | None = None, *, on_circuit: Callable[[str, bool], None] | None = None
    ) -> None:
        self._rules = rules or DoorRules()
        self._on_circuit = on_circuit
        self._doors: dict[str, Door] = {}

    def of(self, model: str) -> Door:
        """Return a model's door; the same every time."""
        door = self._doors.get(model)
        if door is None:
            door = self._doors[model] = Door(model, self._rules, self._on_circuit)
        return door


def verdict(delivery: Delivery, error_code: str, *, hurried: bool) -> Verdict:
    """Return what an exchange says of a model's replicas.

    Args:
        delivery: What came of it.
        error_code: Code of the error before the first byte, "" where there was none.
        hurried: Whether the client gave less time than the gateway does; its time-outs are its own.
    """
    if delivery.outcome is Outcome.COMPLETED:
        return Verdict.SUCCESS
    code = error_code or delivery.error_code
    if code in _FAULTS and not (hurried and code == UpstreamTimeout.code):
        return Verdict.FAILURE
    return Verdict.NEITHER
