"""One kept-alive connection to an upstream: a request goes out at once, the answer comes back in callbacks.

llhttp reads heads and takes chunks apart; the bytes of a body are handed on as they arrive, once per read from the
socket.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, cast

import httptools
from typing_extensions import override

from fairlead_contract.errors import AnswerTooLong, UpstreamFailed, UpstreamTimeout
from fairlead_gateway.deadlines import NEVER, Deadlines
from fairlead_gateway.headers import Headers, first

_FAREWELLS: Final = frozenset({404, 500, 503})


class StaleConnection(UpstreamFailed):
    """A kept-alive connection that led to nobody any more: the request never ran.

    Attributes:
        replaced: Whether a proxy said farewell: sending the request again makes no engine work twice.
    """

    def __init__(self, message: str, *, replaced: bool = False) -> None:
        super().__init__(message)
        self.replaced = replaced


@dataclass(frozen=True, slots=True)
class Patience:
    """How long an upstream may take, in seconds.

    Attributes:
        first_byte_s: From the request to the first byte of the answer.
        idle_s: Between two reads of an answer.
        total_s: From the request to the end of the answer.
    """

    first_byte_s: float
    idle_s: float
    total_s: float

    def within(self, left_s: float) -> "Patience":
        """Return the same patience with an earlier end."""
        return Patience(self.first_byte_s, self.idle_s, min(self.total_s, max(left_s, 0.0)))


class Flow(Protocol):
    """The upstream end of an exchange, as its sink may steer it."""

    def pause(self) -> None:
        """Read nothing more until `resume`."""

    def resume(self) -> None: ...

    def abandon(self) -> None:
        """Close the connection: nobody wants the rest, and the engine stops at once."""


class Sink(Protocol):
    """Receives an answer."""

    def attached(self, flow: Flow) -> None:
        """The request is on its way."""

    def head(self, status: int, headers: Headers) -> None: ...

    def data(self, data: bytes) -> None:
        """Take body bytes, as many as one read brought."""

    def end(self) -> None:
        """The answer is complete."""


class UpstreamConnection(asyncio.Protocol):
    """One connection; used by one exchange at a time.

    Attributes:
        reused: Whether an answer has come over this connection before.
        usable: Whether another request may be sent.
    """

    __slots__ = (
        "_answer_begun",
        "_closed",
        "_deadlines",
        "_end_at",
        "_excess",
        "_finished",
        "_head_told",
        "_headers",
        "_keep_alive",
        "_loop",
        "_message_done",
        "_on_idle",
        "_parser",
        "_patience",
        "_pieces",
        "_sink",
        "_status",
        "_transport",
        "deadline_at",
        "reused",
    )

    def __init__(self, deadlines: Deadlines, on_idle: Callable[["UpstreamConnection"], float]) -> None:
        self._loop = asyncio.get_running_loop()
        self._deadlines = deadlines
        self._on_idle = on_idle
        self._parser = httptools.HttpResponseParser(self)
        self._headers: list[tuple[bytes, bytes]] = []
        self._pieces: list[bytes] = []
        self._sink: Sink | None = None
        self._finished: asyncio.Future[None] | None = None
        self._status = 0
        self._answer_begun = self._head_told = self._message_done = self._keep_alive = self._excess = False
        self._closed = False
        self._end_at = NEVER
        self.reused = False
        self.deadline_at = NEVER

    @property
    def usable(self) -> bool:
        return not self._closed and self._sink is None

    def exchange(self, payload: Sequence[bytes | memoryview], sink: Sink, patience: Patience) -> asyncio.Future[None]:
        """Send a request, as the pieces that it is made of, and feed its answer to a sink.

        Returns:
            A future that is done when the answer is complete or abandoned; it raises StaleConnection, UpstreamFailed or
            UpstreamTimeout where the answer broke off.
        """
        now = self._loop.time()
        self._sink = sink
        self._patience = patience
        self._answer_begun = self._head_told = self._message_done = self._excess = False
        self._status = 0
        self._headers, self._pieces = [], []
        self._end_at = now + patience.total_s
        self.deadline_at = min(now + patience.first_byte_s, self._end_at)
        self._finished = finished = self._loop.create_future()
        sink.attached(self)
        if not self._closed:
            self._transport.writelines(payload)
        return finished

    # How the sink steers.

    def pause(self) -> None:
        if not self._closed:
            self._transport.pause_reading()
            self.deadline_at = self._end_at

    def resume(self) -> None:
        if not self._closed and self._sink is not None:
            self._transport.resume_reading()
            self.deadline_at = min(self._loop.time() + self._patience.idle_s, self._end_at)

    def abandon(self) -> None:
        self._settle(None)

    def close(self) -> None:
        """Close a connection that is in no exchange."""
        self._closed = True
        self._transport.abort()

    # What the event loop calls.

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._deadlines.watch(self)

    @override
    def data_received(self, data: bytes) -> None:
        sink = self._sink
        if sink is None:
            self.close()  # nobody asked: whatever this is, it must not become part of the next answer
            return
        self._answer_begun = True
        self.deadline_at = min(self._loop.time() + self._patience.idle_s, self._end_at)
        try:
            self._parser.feed_data(data)
            self._hand_on(sink)
        except httptools.HttpParserError as error:
            self._settle(UpstreamFailed(f"The model's answer is not valid HTTP: {error}."))
        except Exception as error:  # noqa: BLE001 - whatever a sink trips over ends this exchange, not the process
            self._settle(error)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._deadlines.forget(self)
        self._closed = True
        if self._answer_begun:
            self._settle(UpstreamFailed("The model's connection broke off in the middle of an answer."))
        elif self.reused:
            self._settle(StaleConnection("The model's connection was closed before it answered."))
        else:
            self._settle(UpstreamFailed("The model closed the connection without an answer."))

    def on_deadline(self, now: float) -> None:
        if self._sink is None:
            self.close()
        elif now >= self._end_at:
            self._settle(AnswerTooLong("The answer took longer than it may. Ask for a shorter one, or give more time."))
        elif self._answer_begun:
            self._settle(UpstreamTimeout("The model stopped in the middle of its answer."))
        else:
            self._settle(UpstreamTimeout("The model did not begin to answer in time.", retry_after_s=5))

    # What llhttp calls: these only take notes, for an exception must not pass through a parser.

    def on_message_begin(self) -> None:
        self._excess = self._message_done

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status >= 200:  # noqa: PLR2004 - 1xx announces, it does not answer
            self._status = status
            self._keep_alive = self._parser.should_keep_alive()
        else:
            self._headers = []

    def on_body(self, body: bytes) -> None:
        if not self._message_done:
            self._pieces.append(body)

    def on_message_complete(self) -> None:
        if self._status:
            self._message_done = True

    # Handing on.

    def _hand_on(self, sink: Sink) -> None:
        """Give the sink what one read brought; it may abandon the exchange at any of the three points."""
        if self._status and not self._head_told:
            if self.reused and self._is_farewell():
                self._settle(
                    StaleConnection("The model's connection led to a proxy that has been replaced.", replaced=True)
                )
                return
            self._head_told = True
            sink.head(self._status, self._headers)
        pieces = self._pieces
        if pieces and self._sink is sink:
            self._pieces = []
            sink.data(pieces[0] if len(pieces) == 1 else b"".join(pieces))
        if self._message_done and self._sink is sink:
            sink.end()
            self._complete(keep_alive=self._keep_alive and not self._excess)

    def _is_farewell(self) -> bool:
        """Return whether this is the last word of a proxy that has been replaced and knows yesterday's models.

        On a reload HAProxy's old process answers one more request on each connection that is open (`option
        idle-close-on-response`), from its old routes and servers, and closes it: a 404 for a model that was just
        applied, a 500 in place of its 503 for one whose replicas have all moved.
        """
        if self._status not in _FAREWELLS or self._keep_alive:
            return False
        return not (first(self._headers, b"content-type") or b"").startswith(b"application/json")

    # Ending.

    def _complete(self, *, keep_alive: bool) -> None:
        finished, self._sink, self._finished = self._finished, None, None
        if keep_alive and not self._closed:
            self.reused = True
            self._transport.resume_reading()
            self.deadline_at = self._loop.time() + self._on_idle(self)
        else:
            self.close()
        if finished is not None and not finished.done():
            finished.set_result(None)

    def _settle(self, error: Exception | None) -> None:
        """End the exchange with an error, or with none where it was abandoned; the connection is lost either way."""
        finished, self._sink, self._finished = self._finished, None, None
        self.close()
        if finished is None or finished.done():
            return
        if error is None:
            finished.set_result(None)
        else:
            finished.set_exception(error)
