"""The only listener: accepts connections, hands each request to a handler, drains at the end.

The edge knows HTTP and nothing of models. What it is given decides what is answered: a handler for requests, a renderer
for errors, and the dialect in which a path's errors are told.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Final, TypeAlias

from fairlead_contract.errors import FairleadError, InternalError, Overloaded, Unavailable
from fairlead_gateway.body_budget import BodyBudget
from fairlead_gateway.client_connection import ClientConnection
from fairlead_gateway.deadlines import Deadlines
from fairlead_gateway.reply import Render, Reply
from fairlead_gateway.request import Request

log = logging.getLogger(__name__)

Handler: TypeAlias = Callable[[Request, Reply], Awaitable[None]]
"""Answers one request; errors that it raises are rendered by the edge."""

_BACKLOG: Final = 2048
_SETTLE_S: Final = 10.0
"""How long requests whose clients were sent away at the end of a drain may take to settle."""


@dataclass(frozen=True, slots=True)
class EdgeLimits:
    """What the edge grants a client; all times in seconds, all sizes in bytes.

    Attributes:
        body_bytes_on: By path, where what is posted may be larger than elsewhere.
    """

    body_bytes: int = 4 * 1024 * 1024
    body_bytes_on: Mapping[str, int] = field(default_factory=dict)
    head_timeout_s: float = 10.0
    body_idle_s: float = 10.0
    body_total_s: float = 120.0
    keep_alive_s: float = 75.0
    write_stall_s: float = 30.0
    connections: int = 8192
    connections_per_peer: int = 2048

    def largest_body(self, method: str, path: str) -> int:
        """Return the bytes that a body may have."""
        return self.body_bytes_on.get(path, self.body_bytes) if method == "POST" else self.body_bytes


class Edge:
    """All client connections of one listener.

    Attributes:
        draining: Whether the edge is shutting down: replies announce that the connection closes.
        bodies: What requests' bodies may hold together.
        requests: What is being answered, or has been and is being settled.
    """

    def __init__(
        self,
        handler: Handler,
        *,
        render: Render,
        dialect_of: Callable[[str], str],
        limits: EdgeLimits,
        bodies: BodyBudget,
        deadlines: Deadlines,
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.limits = limits
        self.bodies = bodies
        self.render = render
        self.draining = False
        self._handler = handler
        self._dialect_of = dialect_of
        self._deadlines = deadlines
        self._connections: set[ClientConnection] = set()
        self._per_peer: Counter[str] = Counter()
        self.requests: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._date = (-1, "")

    async def listen(self, host: str, port: int) -> int:
        """Start to accept connections; return the port, which the system picks where 0 is given."""
        self._server = await self.loop.create_server(lambda: ClientConnection(self), host, port, backlog=_BACKLOG)
        return int(self._server.sockets[0].getsockname()[1])

    def announce_end(self) -> None:
        """Close each connection with its next reply, which says so: clients then open new ones, elsewhere.

        A connection that ends later, between replies, may meet a request that is on its way.
        """
        self.draining = True

    async def drain(self, *, limit_s: float) -> None:
        """Stop accepting, let replies finish for a while, then end the rest with an honest error.

        Returns when every connection is closed and every request has been settled.
        """
        self.announce_end()
        if self._server is not None:
            self._server.close()
        ends_at = self.loop.time() + limit_s
        while True:
            for connection in [connection for connection in self._connections if connection.idle]:
                connection.stop(_shutting_down())
            left_s = ends_at - self.loop.time()
            if not self.requests or left_s <= 0:
                break
            # A connection whose reply began before the end was announced may bring a request more: look again.
            await asyncio.wait(self.requests, timeout=left_s)
        for connection in list(self._connections):
            connection.stop(_shutting_down())
        if self.requests:
            await asyncio.wait(self.requests, timeout=_SETTLE_S)
        for connection in list(self._connections):
            connection.sever()

    # What a connection calls.

    def admit(self, connection: ClientConnection) -> FairleadError | None:
        """Count a new connection; return why it cannot be served, if it cannot."""
        self._connections.add(connection)
        self._deadlines.watch(connection)
        self._per_peer[connection.peer] += 1
        if len(self._connections) > self.limits.connections:
            return Overloaded("The gateway has as many connections as it can serve.", retry_after_s=1)
        if self._per_peer[connection.peer] > self.limits.connections_per_peer:
            return Overloaded("There are too many connections from your address; reuse them.", retry_after_s=1)
        return None

    def forget(self, connection: ClientConnection) -> None:
        """Forget a connection that has closed."""
        self._deadlines.forget(connection)
        if connection in self._connections:
            self._connections.discard(connection)
            self._per_peer[connection.peer] -= 1
            if not self._per_peer[connection.peer]:
                del self._per_peer[connection.peer]

    def reply(self, connection: ClientConnection, request: Request) -> Reply:
        """Return the reply to a request, still empty."""
        head = request.head
        return Reply(
            connection,
            render=self.render,
            request_id=request.request_id,
            dialect=self._dialect_of(head.path),
            method=head.method,
        )

    def serve(self, request: Request, reply: Reply) -> None:
        """Let the handler answer a request."""
        task = self.loop.create_task(self._answer(request, reply))
        self.requests.add(task)
        task.add_done_callback(self.requests.discard)

    def http_date(self) -> str:
        """Return the current date as HTTP writes it, made once a second."""
        now = int(self.loop.time())
        if self._date[0] != now:
            self._date = (now, formatdate(usegmt=True))
        return self._date[1]

    async def _answer(self, request: Request, reply: Reply) -> None:
        try:
            await self._handler(request, reply)
        except FairleadError as error:
            reply.refuse(error)
        except Exception:  # whatever goes wrong in one request is that request's alone
            log.exception("a request failed in the gateway", extra=_named(request))
            reply.refuse(InternalError("The gateway failed to answer; the request id finds the cause in its log."))
        finally:
            request.body.let_go()
        if not reply.finished:
            reply.cut()


def _named(request: Request) -> dict[str, str]:
    """Return the ids by which a request is found again."""
    context = request.trace_context
    named = {"request_id": request.request_id}
    return named if context is None or not context.sampled else {**named, "trace_id": context.trace_id}


def _shutting_down() -> FairleadError:
    return Unavailable("The gateway is shutting down; send the request again.", retry_after_s=1)
