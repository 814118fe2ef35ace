"""Sends a call to its route's upstream: where to, with which head, and how long it may take."""

from collections.abc import Sequence
from dataclasses import dataclass

from fairlead_contract.hop import hop_secret
from fairlead_contract.names import HOP_HEADER, REQUEST_ID_HEADER
from fairlead_contract.routing import Route
from fairlead_gateway.endpoints import Endpoint
from fairlead_gateway.headers import Headers
from fairlead_gateway.request import Request
from fairlead_gateway.retry_budget import Resend
from fairlead_gateway.traces import Attempt
from fairlead_gateway.upstream import Address, UpstreamPool
from fairlead_gateway.upstream_connection import Flow, Patience, Sink


@dataclass(frozen=True, slots=True)
class UpstreamTimes:
    """How long an upstream may take, in seconds.

    Attributes:
        first_byte_s: Until a stream begins; this is also how long a request may wait in queues.
        idle_s: Between two reads of a stream.
        total_s: Until an answer is complete, streamed or not.
    """

    first_byte_s: float
    idle_s: float
    total_s: float

    def patience(self, *, stream: bool) -> Patience:
        """Return the bounds of one exchange; an answer in one piece begins when it is complete."""
        return Patience(self.first_byte_s if stream else self.total_s, self.idle_s, self.total_s)


@dataclass(frozen=True, slots=True)
class _Prepared:
    """What is the same for all calls of a route to an endpoint."""

    route: Route
    address: Address
    head: bytes


class Sender:
    """Sends bodies to upstreams.

    Nothing of the client's own headers goes along but its request id and trace context: no credential, no cookie.

    Args:
        hop_root: The root from which the secret of each model's hop is derived.
    """

    def __init__(self, pool: UpstreamPool, *, hop_root: bytes, times: UpstreamTimes) -> None:
        self._pool = pool
        self._hop_root = hop_root
        self._streamed = times.patience(stream=True)
        self._whole = times.patience(stream=False)
        self._prepared: dict[tuple[str, str], _Prepared] = {}

    async def send(
        self,
        route: Route,
        endpoint: Endpoint,
        request: Request,
        body: Sequence[bytes | memoryview],
        sink: Sink,
        *,
        content_type: str,
        stream: bool,
        resend: Resend,
        left_s: float | None = None,
        attempt: Attempt | None = None,
    ) -> None:
        """Send a body, in pieces, and feed the answer to a sink; return when the answer is complete or abandoned.

        Where the whole request's time is not what it usually is, because some of it is gone or the client gave less,
        `left_s` says how much of it is left. An attempt is told what becomes of the sending, where that is recorded.

        Raises:
            Unavailable, UpstreamFailed, UpstreamTimeout: As `UpstreamPool.exchange`.
        """
        prepared = self._prepare(route, endpoint)
        context = request.trace_context if attempt is None else attempt.context
        trace = b"" if context is None else context.headers
        variable = b"%bcontent-type: %b\r\ncontent-length: %d\r\n%b: %b\r\n\r\n" % (
            trace,
            content_type.encode("ascii"),
            sum(map(len, body)),
            _REQUEST_ID,
            request.request_id.encode("ascii"),
        )
        payload = (prepared.head + variable, *body)
        patience = self._streamed if stream else self._whole
        if left_s is not None:
            patience = patience.within(left_s)
        again = None if attempt is None else attempt.again
        await self._pool.exchange(
            prepared.address, payload, sink, patience, model=route.identity, resend=resend, on_again=again
        )

    async def knock(self, route: Route) -> bool:
        """Return whether one of a model's replicas says that it is well; that takes as long as a stream may to begin.

        Raises:
            Unavailable, UpstreamFailed, UpstreamTimeout: As `UpstreamPool.exchange`.
        """
        head = (
            f"GET {route.path_prefix.rstrip('/')}/health HTTP/1.1\r\n"
            f"host: {route.upstream_host}:{route.upstream_port}\r\n"
            f"{HOP_HEADER}: {hop_secret(self._hop_root, route.identity)}\r\n\r\n"
        ).encode("ascii")
        sink = _Knock()
        try:
            address = Address(route.upstream_host, route.upstream_port)
            await self._pool.exchange(address, (head,), sink, self._streamed, model=route.identity, resend=Resend())
        finally:
            sink.over()
        return sink.status == 200  # noqa: PLR2004

    def _prepare(self, route: Route, endpoint: Endpoint) -> _Prepared:
        key = (route.identity, endpoint.path)
        prepared = self._prepared.get(key)
        if prepared is None or prepared.route is not route:
            prepared = self._prepared[key] = _Prepared(
                route=route,
                address=Address(route.upstream_host, route.upstream_port),
                head=_head(route, endpoint, hop_secret(self._hop_root, route.identity)),
            )
        return prepared


class _Knock:
    """Takes note of an answer's status."""

    def __init__(self) -> None:
        self.status = 0
        self._flow: Flow | None = None

    def attached(self, flow: Flow) -> None:
        self._flow = flow

    def head(self, status: int, headers: Headers) -> None:  # noqa: ARG002 - a sink's signature
        self.status = status

    def data(self, data: bytes) -> None:
        """What it says besides does not matter."""

    def end(self) -> None:
        self._flow = None

    def over(self) -> None:
        """Close the connection of a knock that nobody waits for any more."""
        if self._flow is not None:
            self._flow.abandon()


_REQUEST_ID = REQUEST_ID_HEADER.encode("ascii")


def _head(route: Route, endpoint: Endpoint, secret: str) -> bytes:
    path = route.path_prefix.rstrip("/") + endpoint.upstream_path
    return (
        f"POST {path} HTTP/1.1\r\n"
        f"host: {route.upstream_host}:{route.upstream_port}\r\n"
        "accept: application/json, text/event-stream\r\n"
        # Ray Serve need not watch for our leaving: the engine does, and a task per request less is a task less.
        "x-request-disconnect-disabled: ?1\r\n"
        f"{HOP_HEADER}: {secret}\r\n"
    ).encode("ascii")
