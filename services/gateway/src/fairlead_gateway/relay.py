"""Carries one answer from an upstream to a client, by callbacks alone.

It stands between two connections: bytes go one way, and the other way go the client's leaving and its slowness.
"""

from collections.abc import Callable
from typing import Final, Protocol

from fairlead_contract.errors import FairleadError
from fairlead_contract.names import AUDIO_SECONDS_HEADER
from fairlead_gateway.delivery import Delivery
from fairlead_gateway.endpoints import Dialect
from fairlead_gateway.headers import Headers, first
from fairlead_gateway.limits import Outcome
from fairlead_gateway.reply import Reply
from fairlead_gateway.stream import EVENT_STREAM, StreamReader
from fairlead_gateway.upstream_connection import Flow
from fairlead_gateway.whole import AnswerReader, RefusalReader

_AUDIO_SECONDS: Final = AUDIO_SECONDS_HEADER.encode("ascii")


class _Reader(Protocol):
    """Reads one kind of answer and writes it to the reply."""

    ended: bool
    error: FairleadError | None

    def data(self, data: bytes) -> None: ...

    def end(self) -> None: ...

    def fail(self, error: FairleadError) -> None: ...


class Relay:
    """One answer on its way; a sink for the upstream, a listener for the reply.

    Args:
        hide_usage: Whether a stream's usage event is for the gateway alone.
        streamable: Whether an answer in one piece could have been asked for as a stream.
        keep: Whether the delivered bytes are kept, for the cache.
        on_slow: Called when the client is slow to read an answer that is still under way.

    Attributes:
        status: HTTP status of the upstream's answer, 0 before.
    """

    __slots__ = (
        "_dialect",
        "_error",
        "_flow",
        "_hide_usage",
        "_on_slow",
        "_reader",
        "_reply",
        "_streamable",
        "delivery",
        "status",
    )

    def __init__(
        self,
        reply: Reply,
        *,
        dialect: Dialect,
        hide_usage: bool,
        keep: bool,
        streamable: bool = True,
        on_slow: Callable[[], None] | None = None,
    ) -> None:
        self._reply = reply
        self._dialect = dialect
        self._hide_usage = hide_usage
        self._streamable = streamable
        self._on_slow = on_slow
        self._reader: _Reader | None = None
        self._flow: Flow | None = None
        self._error: FairleadError | None = None
        self.status = 0
        self.delivery = Delivery(kept=[] if keep else None)
        reply.listener = self

    @property
    def error(self) -> FairleadError | None:
        """Why the client has got nothing yet, where that is so."""
        return self._reader.error if self._reader is not None else self._error

    def take_error(self) -> FairleadError | None:
        """Return `error` and forget it: its traceback leads back to this relay, and to the request's body."""
        error, self._error = self.error, None
        return error

    def broken(self, error: FairleadError) -> None:
        """Take note that the upstream failed."""
        if self._reader is not None:
            self._reader.fail(error)
        else:
            self._error = error

    # What the upstream calls.

    def attached(self, flow: Flow) -> None:
        self._flow = flow
        if self._reply.finished or self._error is not None:
            flow.abandon()

    def head(self, status: int, headers: Headers) -> None:
        self.status = status
        content_type = (first(headers, b"content-type") or b"application/json").decode("latin-1").lower()
        seconds = first(headers, _AUDIO_SECONDS)
        if seconds is not None:
            self.delivery.audio_seconds = int(seconds)
        if status != 200:  # noqa: PLR2004
            self._reader = RefusalReader(status, content_type)
        elif content_type.startswith(EVENT_STREAM):
            self._reader = StreamReader(self._reply, self.delivery, dialect=self._dialect, hide_usage=self._hide_usage)
        else:
            self._reader = AnswerReader(
                self._reply,
                self.delivery,
                dialect=self._dialect,
                content_type=content_type,
                streamable=self._streamable,
            )

    def data(self, data: bytes) -> None:
        reader = self._reader
        if reader is not None:
            reader.data(data)
            if reader.ended and self._flow is not None:
                self._let_go(self._flow)

    def end(self) -> None:
        if self._reader is not None:
            self._reader.end()

    # What the reply calls.

    def client_gone(self) -> None:
        self.delivery.outcome = Outcome.ABORTED
        if self._flow is not None:
            self._flow.abandon()

    def client_slow(self, *, slow: bool) -> None:
        if self._flow is None:
            return
        if slow:
            self._flow.pause()
            if self._on_slow is not None and self.delivery.outcome is not Outcome.COMPLETED:
                self._on_slow()
        else:
            self._flow.resume()

    def stopped(self, error: FairleadError) -> None:
        self.broken(error)
        if self._flow is not None:
            self._flow.abandon()

    def _let_go(self, flow: Flow) -> None:
        """Stop a failed upstream; let one that is done say so, even where a slow client had it wait."""
        if self.delivery.outcome is Outcome.COMPLETED:
            flow.resume()
        else:
            flow.abandon()
