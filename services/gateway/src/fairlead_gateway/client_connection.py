"""One client's connection: reads requests one after another, hands each to a lane, writes the replies.

Requests that a client sends before it has its answer (pipelining) wait in memory, up to the size of a head, and are
served in order. A client that closes its side of the connection has left: its generation is stopped.
"""

import asyncio
import fcntl
import sys
import termios
from typing import TYPE_CHECKING, Final, cast

from typing_extensions import override

from fairlead_contract.errors import FairleadError, InvalidRequest, RequestTimeout
from fairlead_gateway.deadlines import NEVER
from fairlead_gateway.http_head import HEAD_END, MAX_HEAD_BYTES, RequestHead, parse_head, refuse_early
from fairlead_gateway.reply import Reply
from fairlead_gateway.request import Body, Request, new_request_id

if TYPE_CHECKING:
    from fairlead_gateway.edge import Edge

LINGER_S: Final = 5.0
"""How long a refused client may go on sending before it is cut off; a reset at once could destroy the answer on its
way."""

_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


class ClientConnection(asyncio.Protocol):
    """The state of one connection; everything happens in callbacks of the event loop."""

    __slots__ = (
        "_body",
        "_closing",
        "_edge",
        "_head_begun",
        "_loop",
        "_outstanding",
        "_overflowed",
        "_reply",
        "_request",
        "_transport",
        "_unread",
        "deadline_at",
        "peer",
    )

    def __init__(self, edge: "Edge") -> None:
        self._edge = edge
        self._loop = edge.loop
        self._unread = b""
        self._body: Body | None = None
        self._request: Request | None = None
        self._reply: Reply | None = None
        self._closing = False
        self._overflowed = False
        self._head_begun = False
        self._outstanding = -1
        self.deadline_at = NEVER
        self.peer = ""

    # What the event loop calls.

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        self.peer = peer[0] if peer else "local"
        self.deadline_at = self._loop.time() + self._edge.limits.head_timeout_s
        refusal = self._edge.admit(self)
        if refusal is not None:
            self._refuse(refusal)
            self._close()  # at once: who is one too many must not hold a place while it lingers

    @override
    def data_received(self, data: bytes) -> None:
        if self._closing or self._overflowed:
            return
        self._unread = self._unread + data if self._unread else data
        self._read()

    @override
    def eof_received(self) -> None:
        self._closing = True  # returning None closes the transport: a client that stops talking has left

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._closing = True
        self.deadline_at = NEVER
        self._edge.forget(self)
        if self._reply is not None:
            self._reply.client_gone()
        if self._body is not None and not self._body.complete:
            self._body.fail(InvalidRequest("The client left before it had sent its request."))

    @override
    def pause_writing(self) -> None:
        self._outstanding = self._transport.get_write_buffer_size() + _unacknowledged(self._transport)
        self.deadline_at = self._loop.time() + self._edge.limits.write_stall_s
        if self._reply is not None:
            self._reply.client_slow(slow=True)

    @override
    def resume_writing(self) -> None:
        self._outstanding = -1
        if self._reply is not None:
            self.deadline_at = NEVER
            self._reply.client_slow(slow=False)

    def on_deadline(self, now: float) -> None:
        """End what takes too long: an unread answer, an idle connection, an unfinished head or body."""
        unsent = self._transport.get_write_buffer_size()
        if unsent:
            self._await_reader(now, unsent)
        elif self._closing:
            self._transport.abort()
        elif self._body is not None and not self._body.complete:
            self.deadline_at = NEVER
            self._body.fail(RequestTimeout("The request's body stopped coming; send it without long pauses."))
        elif self._unread:
            self._refuse(RequestTimeout("The request's head took too long; send it in one go."))
        else:
            self._close()

    def _await_reader(self, now: float, unsent: int) -> None:
        """Drop a client that has read nothing since the last look; give one that reads, however slowly, more time."""
        outstanding = unsent + _unacknowledged(self._transport)
        if 0 <= self._outstanding <= outstanding:
            self._transport.abort()
            return
        self._outstanding = outstanding
        self.deadline_at = now + self._edge.limits.write_stall_s

    # What a reply calls.

    def transmit(self, data: bytes) -> None:
        self._transport.write(data)

    def http_date(self) -> str:
        return self._edge.http_date()

    def must_close(self) -> bool:
        """Return whether the connection ends with the reply that begins now."""
        request, body = self._request, self._body
        return (
            self._closing
            or self._edge.draining
            or request is None
            or not request.head.keep_alive
            or (body is not None and not body.complete)
            or self._overflowed
        )

    def reply_finished(self, *, close: bool) -> None:
        """Go on to the next request, or close."""
        more_may_come = self._body is None or not self._body.complete
        self._reply = self._request = self._body = None
        if not close and not self._overflowed:
            self._await_next()
        elif more_may_come and not self._closing:
            self._linger()
        else:
            self._close()

    def sever(self) -> None:
        """Cut the connection without the ordinary end of a reply."""
        self._closing = True
        self._transport.abort()

    # What the edge calls.

    @property
    def idle(self) -> bool:
        return self._reply is None

    def stop(self, error: FairleadError) -> None:
        """End the connection now, with an honest end to a reply under way."""
        if self._reply is not None:
            self._reply.stop(error)
        else:
            self._close()

    # Reading.

    def _read(self) -> None:
        try:
            while self._unread and not self._closing:
                if self._body is not None and not self._body.complete:
                    self._read_body(self._body)
                elif self._reply is not None:
                    self._overflowed = len(self._unread) > MAX_HEAD_BYTES
                    break  # the next request waits for its turn
                elif not self._read_head():
                    break
        except FairleadError as error:
            self._refuse(error)

    def _read_head(self) -> bool:
        """Read one head where it is complete; return whether it was."""
        unread = self._unread
        end = unread.find(HEAD_END) + len(HEAD_END)
        if end < len(HEAD_END) or end > MAX_HEAD_BYTES:
            refusal = refuse_early(unread)
            if refusal is not None:
                raise refusal
            self._await_head()
            return False
        head = parse_head(unread[:end])
        self._unread = unread[end:]
        self._begin(head)
        return True

    def _await_head(self) -> None:
        if not self._head_begun:
            self._head_begun = True
            self.deadline_at = min(self.deadline_at, self._loop.time() + self._edge.limits.head_timeout_s)

    def _begin(self, head: RequestHead) -> None:
        edge = self._edge
        self._head_begun = False
        self._body = body = Body(
            head.body_length,
            limit_bytes=edge.limits.largest_body(head.method, head.path),
            budget=edge.bodies,
            on_wanted=self._ask_for_body if head.expects_continue else None,
        )
        self._request = request = Request(head, body, peer=self.peer, received_at=self._loop.time())
        self._reply = reply = edge.reply(self, request)
        if body.complete:
            self.deadline_at = NEVER
        else:
            self.deadline_at = request.received_at + edge.limits.body_idle_s
        edge.serve(request, reply)

    def _read_body(self, body: Body) -> None:
        self._unread = body.feed(self._unread)
        if body.complete or body.broken:
            self.deadline_at = NEVER
        elif self._request is not None:
            limits = self._edge.limits
            self.deadline_at = min(
                self._loop.time() + limits.body_idle_s, self._request.received_at + limits.body_total_s
            )

    def _ask_for_body(self) -> None:
        if not self._unread and not self._transport.is_closing():
            self._transport.write(_CONTINUE)

    def _await_next(self) -> None:
        self.deadline_at = self._loop.time() + self._edge.limits.keep_alive_s
        if self._unread:
            self._loop.call_soon(self._read)

    # Ending.

    def _refuse(self, error: FairleadError) -> None:
        """Answer something that is no request with an error, then close."""
        reply = Reply(self, render=self._edge.render, request_id=new_request_id(), dialect="openai", method="GET")
        self._request = self._body = None
        self._unread = b""
        reply.refuse(error)

    def _linger(self) -> None:
        """Say that nothing more comes, and read the rest of what the client sends into nothing."""
        self._closing = True
        self._unread = b""
        self.deadline_at = self._loop.time() + LINGER_S
        if self._transport.can_write_eof():
            self._transport.write_eof()

    def _close(self) -> None:
        self._closing = True
        self.deadline_at = self._loop.time() + self._edge.limits.write_stall_s
        self._transport.close()


def _unacknowledged(transport: asyncio.Transport) -> int:
    """Return the bytes that the kernel holds because the client has made no room, 0 where it does not tell."""
    sock = transport.get_extra_info("socket")
    try:
        answer = fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, bytes(4))
    except OSError:
        return 0
    return int.from_bytes(answer, sys.byteorder)
