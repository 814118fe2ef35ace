"""One request as the lanes see it: its head, who sent it, and a body that can be asked for."""

import asyncio
import random
import re
from collections.abc import Callable, Mapping
from typing import Final

from fairlead_contract.errors import FairleadError
from fairlead_gateway.body_budget import BodyBudget
from fairlead_gateway.http_body import body_decoder, too_large
from fairlead_gateway.http_head import RequestHead
from fairlead_gateway.trace_context import trace_context_of

_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._:\-]{0,127}")


class Body:
    """A request's body, read when somebody asks for it.

    Args:
        length: Its announced length in bytes, or None where it comes in chunks.
        limit_bytes: The largest body that is taken.
        budget: What all bodies together may hold; this one counts until it is let go.
        on_wanted: Called when somebody waits for a body that has not arrived; None where nobody needs to know.
    """

    __slots__ = (
        "_arrived",
        "_budget",
        "_counted",
        "_decoder",
        "_error",
        "_forgotten",
        "_length",
        "_on_wanted",
        "_waiter",
    )

    def __init__(
        self,
        length: int | None,
        *,
        limit_bytes: int,
        budget: BodyBudget,
        on_wanted: Callable[[], None] | None = None,
    ) -> None:
        self._decoder = body_decoder(length, limit_bytes=limit_bytes)
        self._length = length or 0
        self._budget = budget
        self._arrived = self._counted = 0
        self._forgotten = False
        self._on_wanted = on_wanted
        self._error: FairleadError | None = None
        self._waiter: asyncio.Future[None] | None = None
        if length is not None and length > limit_bytes:
            self.fail(too_large(limit_bytes))

    @property
    def complete(self) -> bool:
        return self._decoder.complete

    @property
    def broken(self) -> bool:
        """Whether the rest of the body will never be read."""
        return self._forgotten

    def feed(self, data: bytes) -> bytes:
        """Take arriving bytes; return those that lie behind the body's end."""
        if self._forgotten:
            return b""
        try:
            rest = self._decoder.feed(data)
            self._arrived += len(data) - len(rest)
            self._count(self._arrived)
        except FairleadError as error:
            self.fail(error)
            return b""
        if self._decoder.complete:
            self._wake()
        return rest

    def fail(self, error: FairleadError) -> None:
        """Let whoever reads the body, now or later, get an error instead; what has arrived is forgotten."""
        self._error = error
        self.let_go()
        self._wake()

    def let_go(self) -> None:
        """Forget what has arrived, and whatever may still come: nobody holds the body any more."""
        self._forgotten = True
        self._decoder.forget()
        self._budget.give_back(self._counted)
        self._counted = 0

    async def read(self) -> bytes:
        """Return the whole body, once: from then on it is the reader's.

        Raises:
            RequestTooLarge: It is larger than the gateway takes.
            RequestTimeout: The client stopped sending it.
            InvalidRequest: Its framing is broken, or the client left.
            Overloaded: The gateway has no memory left for it.
        """
        if not self._decoder.complete and self._error is None:
            self._count(self._length)
            if self._on_wanted is not None:
                self._on_wanted()
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        if self._error is not None:
            raise self._error
        return self._decoder.take()

    def _count(self, size: int) -> None:
        """Count the body as one of so many bytes, unless it counts as a larger one.

        Raises:
            Overloaded: There is no room for them.
        """
        more = size - self._counted
        if more > 0:
            self._budget.take(more)
            self._counted = size

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class Request:
    """One request.

    Attributes:
        head: Method, path, query and headers.
        body: Read with `await request.body.read()`.
        request_id: The client's own id where it is well-formed, else one made here.
        trace_context: The trace that it belongs to, or None: the client's own until the gateway records it.
        peer: The address that the connection comes from.
        received_at: Event-loop time in seconds at which the head was complete.
    """

    __slots__ = ("body", "head", "peer", "received_at", "request_id", "trace_context")

    def __init__(self, head: RequestHead, body: Body, *, peer: str, received_at: float) -> None:
        self.head = head
        self.body = body
        self.peer = peer
        self.received_at = received_at
        self.request_id = request_id_of(head.firsts)
        self.trace_context = trace_context_of(head.headers) if b"traceparent" in head.firsts else None


def request_id_of(firsts: Mapping[bytes, bytes]) -> str:
    """Return the client's id for its request where it sent a well-formed one, else a new one."""
    for name in (b"x-request-id", b"x-client-request-id"):
        given = _well_formed(firsts.get(name), _REQUEST_ID)
        if given is not None:
            return given
    return new_request_id()


def new_request_id() -> str:
    """Return a request id that no other request has."""
    return f"req_{random.getrandbits(96):024x}"  # not a secret


def _well_formed(value: bytes | None, pattern: re.Pattern[bytes]) -> str | None:
    return None if value is None or pattern.fullmatch(value) is None else value.decode("ascii")
