"""One reply to a client, whole or in pieces.

Both lanes answer through this class, so status line, request ids, framing and the rules of keep-alive are written once.
"""

import asyncio
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Final, Protocol, TypeAlias

from fairlead_contract.errors import FairleadError, InternalError

Header: TypeAlias = tuple[str, str]
Rendered: TypeAlias = tuple[int, list[Header], bytes]
Render: TypeAlias = Callable[[FairleadError, str, str], Rendered]
"""(error, dialect, request id) -> status, headers, body."""

_STATUS_LINES: Final = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n" for status in HTTPStatus}
_BODYLESS: Final = frozenset({204, 304})
LAST_CHUNK: Final = b"0\r\n\r\n"


class ClientSide(Protocol):
    """What a reply needs of the connection that it goes out on."""

    def transmit(self, data: bytes) -> None: ...

    def must_close(self) -> bool: ...

    def reply_finished(self, *, close: bool) -> None: ...

    def sever(self) -> None: ...

    def http_date(self) -> str: ...


class ReplyListener(Protocol):
    """Someone who produces a reply and must know how the client fares."""

    def client_gone(self) -> None:
        """The client has left; nobody reads the rest."""

    def client_slow(self, *, slow: bool) -> None:
        """The client has stopped reading, or reads again."""

    def stopped(self, error: FairleadError) -> None:
        """The gateway ends this reply now."""


class Reply:
    """A reply to one request.

    Attributes:
        request_id: Sent with the reply, whatever it is.
        dialect: "openai" or "anthropic": which envelope errors take.
        gone: Whether the client has left.
        status: The status sent, 0 before.
        listener: Whoever streams into this reply, if anyone does.
    """

    __slots__ = (
        "_chunked",
        "_client",
        "_closes",
        "_extra",
        "_headless",
        "_render",
        "_waiter",
        "dialect",
        "finished",
        "gone",
        "listener",
        "request_id",
        "status",
    )

    def __init__(self, client: ClientSide, *, render: Render, request_id: str, dialect: str, method: str) -> None:
        self._client = client
        self._render = render
        self._headless = method == "HEAD"
        self._chunked = False
        self._closes = False
        self._extra: list[Header] = []
        self._waiter: asyncio.Future[None] | None = None
        self.request_id = request_id
        self.dialect = dialect
        self.finished = False
        self.gone = False
        self.status = 0
        self.listener: ReplyListener | None = None

    @property
    def started(self) -> bool:
        return self.status != 0

    def add_headers(self, headers: Sequence[Header]) -> None:
        """Send these headers too, whatever the reply turns out to be."""
        self._extra.extend(headers)

    def send(self, status: int, headers: Sequence[Header], body: bytes) -> None:
        """Send a whole reply in one write."""
        if self.finished:
            return
        head = self._head(status, headers, length=len(body))
        self._client.transmit(head if self._silent(status) else head + body)
        self._done()

    def start(self, status: int, headers: Sequence[Header], first: bytes) -> None:
        """Send the head and the first bytes of a reply of unknown length, in one write."""
        if self.finished:
            return
        self._chunked = not self._silent(status)
        head = self._head(status, headers, length=None)
        self._client.transmit(head + _chunk(first) if first and self._chunked else head)

    def write(self, data: bytes) -> None:
        """Send more of a reply that was started."""
        if self._chunked and data and not self.finished:
            self._client.transmit(_chunk(data))

    def finish(self, last: bytes = b"") -> None:
        """Send the end of a reply that was started."""
        if self.finished:
            return
        if self._chunked:
            self._client.transmit(_chunk(last) + LAST_CHUNK if last else LAST_CHUNK)
        self._done()

    def refuse(self, error: FairleadError) -> None:
        """Answer with an error; a reply that is already under way is cut instead, so that nobody takes it for whole."""
        if self.finished:
            return
        if self.started:
            self.cut()
            return
        status, headers, body = self._render(error, self.dialect, self.request_id)
        self.send(status, headers, body)

    def cut(self) -> None:
        """Break a reply off: the client sees that it is not whole."""
        if not self.finished:
            self.finished = True
            self.listener = None
            self._client.sever()

    async def drained(self) -> None:
        """Wait while the client is slow to read what was written."""
        if self._waiter is not None:
            await self._waiter

    def client_slow(self, *, slow: bool) -> None:
        """Note that the client stopped reading, or reads again."""
        if slow and self._waiter is None:
            self._waiter = asyncio.get_running_loop().create_future()
        elif not slow:
            self._release()
        if self.listener is not None:
            self.listener.client_slow(slow=slow)

    def client_gone(self) -> None:
        """Note that the client has left."""
        self.gone = True
        self._release()
        if self.listener is not None and not self.finished:
            self.listener.client_gone()
        self.finished = True

    def stop(self, error: FairleadError) -> None:
        """End the reply now, as honestly as its state allows."""
        if self.listener is not None:
            self.listener.stopped(error)
        else:
            self.refuse(error)

    def _release(self) -> None:
        if self._waiter is not None:
            self._waiter.set_result(None)
            self._waiter = None

    def _silent(self, status: int) -> bool:
        return self._headless or status in _BODYLESS

    def _done(self) -> None:
        self.finished = True
        self.listener = None
        self._client.reply_finished(close=self._closes)

    def _head(self, status: int, headers: Sequence[Header], *, length: int | None) -> bytes:
        if self.started:
            raise RuntimeError("this reply has already been started")
        self.status = status
        self._closes = self._client.must_close()
        own = f"x-request-id: {self.request_id}\r\ndate: {self._client.http_date()}\r\n"
        if self.dialect == "anthropic":
            own += f"request-id: {self.request_id}\r\n"
        if length is None and self._chunked:
            own += "transfer-encoding: chunked\r\n"
        elif status not in _BODYLESS and length is not None:
            own += f"content-length: {length}\r\n"
        if self._closes:
            own += "connection: close\r\n"
        return f"{_STATUS_LINES[status]}{_lines(headers)}{_lines(self._extra)}{own}\r\n".encode("latin-1")


def _lines(headers: Sequence[Header]) -> str:
    """Return headers as lines; a line break inside one would be a second header, or a second reply.

    Raises:
        InternalError: A header's name or value holds a line break.
    """
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers])
    if lines.count("\n") != len(headers):
        raise InternalError("A header of the reply holds a line break.")
    return lines


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)
