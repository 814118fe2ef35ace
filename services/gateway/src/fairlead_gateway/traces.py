"""Which requests are traced, and what is noted of them while they run.

Nothing here knows OpenTelemetry: a request that is recorded notes a few times and numbers, and becomes spans when it is
over (`spans.py`), away from the event loop (`span_export.py`). One that is not recorded costs the decision.

A trace begins when it is known who asks: strangers can make us write nothing.
"""

import asyncio
import os
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from fairlead_contract.routing import Route
from fairlead_gateway.call import Call
from fairlead_gateway.delivery import Delivery
from fairlead_gateway.endpoints import Endpoint
from fairlead_gateway.outcome import Outcome
from fairlead_gateway.request import Request
from fairlead_gateway.trace_context import TraceContext

MAX_ATTEMPTS: Final = 16
"""Of one request, so that one that waits long for its model does not fill the buffer; the last ones are kept."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What spans tell of a request's body; the body itself is not kept until they are sent."""

    stream: bool
    max_output_tokens: int | None
    choices: int

    @classmethod
    def of(cls, call: Call) -> "Asked":
        return cls(call.stream, call.max_output_tokens, call.choices)


@dataclass(slots=True)
class Attempt:
    """One sending of a request to its model; all times in seconds of the event loop.

    Attributes:
        context: What the model's server is told: its span is a child of this attempt's.
        status: HTTP status that it answered with, 0 where it did not.
        error: Code of what went wrong, "" where nothing did.
        first_byte_at: When the client was sent the first byte of the answer, or None.
        earlier: Sendings on connections that led to nobody, each of which was followed by another at once.
    """

    context: TraceContext
    asked: Asked
    route: Route
    begun_at: float
    ended_at: float = 0.0
    status: int = 0
    error: str = ""
    outcome: Outcome = Outcome.FAILED
    first_byte_at: float | None = None
    earlier: "list[Attempt]" = field(default_factory=list)

    def again(self, reason: str) -> None:
        """Note that what was sent reached nobody and is sent again as it was, trace context included.

        The context stays with the sending that somebody gets to see; the one that failed has an id of its own.
        """
        now = asyncio.get_running_loop().time()
        failed = replace(self.context, span_id=_new_span_id())
        self.earlier.append(Attempt(failed, self.asked, self.route, self.begun_at, ended_at=now, error=reason))
        self.begun_at = now

    def end(self, status: int, error: str, delivery: Delivery) -> None:
        """Note how it ended."""
        self.ended_at = asyncio.get_running_loop().time()
        self.status = status
        self.error = error or delivery.error_code
        self.outcome = delivery.outcome
        self.first_byte_at = delivery.first_byte_at


@dataclass(slots=True)
class RequestTrace:
    """A request that is recorded.

    Attributes:
        parent: What the client said of its own span, or None.
        context: The gateway's span.
        received_at: Event-loop time in seconds at which the request's head was complete.
        model: The model as the client named it, once it is known that there is one of that name.
        attempts: The last sendings to its model.
    """

    endpoint: Endpoint
    parent: TraceContext | None
    context: TraceContext
    received_at: float
    model: str = ""
    attempts: deque[Attempt] = field(default_factory=lambda: deque(maxlen=MAX_ATTEMPTS))

    def attempt(self, call: Call, route: Route) -> Attempt:
        """Note that the request is sent to its model now."""
        context = replace(self.context, span_id=_new_span_id())
        attempt = Attempt(context, Asked.of(call), route, asyncio.get_running_loop().time())
        self.attempts.append(attempt)
        return attempt


class Traces:
    """Decides which requests are recorded.

    A client that has decided for its trace is followed; of the other requests a share is recorded. All together are
    bounded, for a client could ask for the recording of everything.

    Args:
        ratio: The share, from 0 to 1.
        per_s: The most requests recorded per second.
        on_limited: Called for each request that was not recorded because of that bound.
    """

    def __init__(self, *, ratio: float, per_s: int, on_limited: Callable[[], None]) -> None:
        self._ratio = ratio
        self._per_s = per_s
        self._on_limited = on_limited
        self._left = float(per_s)
        self._left_at = 0.0

    def begin(self, endpoint: Endpoint, request: Request) -> RequestTrace | None:
        """Return the trace of a request that is to be recorded; the request carries its context from then on."""
        parent = request.trace_context
        if parent is None:
            if random.random() >= self._ratio:  # noqa: S311 - not a secret
                return None
        elif not parent.sampled:
            return None
        if not self._take():
            self._on_limited()
            request.trace_context = None if parent is None else parent.unsampled()
            return None
        trace_id, state = (os.urandom(16).hex(), "") if parent is None else (parent.trace_id, parent.state)
        context = request.trace_context = TraceContext(trace_id, _new_span_id(), sampled=True, state=state)
        return RequestTrace(endpoint, parent, context, request.received_at)

    def _take(self) -> bool:
        now = asyncio.get_running_loop().time()
        self._left = min(self._left + (now - self._left_at) * self._per_s, float(self._per_s))
        self._left_at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


def _new_span_id() -> str:
    return os.urandom(8).hex()
