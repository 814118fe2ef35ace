"""Hands a request to an ASGI application: every route that is no inference goes this way.

The edge has read and bounded the request already; the application sees a complete body, and its reply goes out
through the same `Reply` as an inference does.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, TypeAlias
from urllib.parse import unquote

from fairlead_contract.names import REQUEST_ID_HEADER
from fairlead_gateway.reply import Header, Reply
from fairlead_gateway.request import Request

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Application: TypeAlias = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

_OURS = frozenset({"content-length", "transfer-encoding", "connection", "date", "x-request-id", "request-id"})
"""Headers that the reply writes itself."""

_REQUEST_ID = REQUEST_ID_HEADER.encode("ascii")


class AsgiLane:
    """Answers requests with an ASGI application."""

    def __init__(self, application: Application) -> None:
        self._application = application

    async def __call__(self, request: Request, reply: Reply) -> None:
        """Run the application for one request.

        Raises:
            RequestTooLarge, RequestTimeout, InvalidRequest: The body cannot be read.
        """
        body = await request.body.read()
        exchange = _Exchange(body, reply)
        await self._application(_scope(request), exchange.receive, exchange.send)


def _scope(request: Request) -> MutableMapping[str, Any]:
    head = request.head
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": head.method,
        "scheme": "http",
        "path": unquote(head.path),
        "raw_path": head.path.encode("ascii"),
        "query_string": head.query,
        "root_path": "",
        "headers": [
            *(header for header in head.headers if header[0] != _REQUEST_ID),
            (_REQUEST_ID, request.request_id.encode("ascii")),
        ],
        "client": (request.peer, 0),
        "server": None,
    }


class _Exchange:
    """One request's `receive` and `send`; also learns when the client leaves."""

    def __init__(self, body: bytes, reply: Reply) -> None:
        self._body: bytes | None = body
        self._reply = reply
        self._status = 0
        self._headers: list[Header] = []
        self._over = asyncio.Event()
        reply.listener = self

    async def receive(self) -> Message:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        await self._over.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            self._headers = _headers(message.get("headers", ()))
        elif message["type"] == "http.response.body":
            self._send_body(message.get("body", b""), more=message.get("more_body", False))
            await self._reply.drained()

    def _send_body(self, body: bytes, *, more: bool) -> None:
        reply = self._reply
        if reply.started and more:
            reply.write(body)
        elif reply.started:
            reply.finish(body)
        elif more:
            reply.start(self._status, self._headers, body)
        else:
            reply.send(self._status, self._headers, body)
        if not more:
            self._over.set()

    def client_gone(self) -> None:
        self._over.set()

    def client_slow(self, *, slow: bool) -> None:
        """`send` waits by itself."""

    def stopped(self, error: Exception) -> None:  # noqa: ARG002 - there is no honest end to an unknown body
        self._over.set()
        self._reply.cut()


def _headers(headers: Iterable[tuple[bytes, bytes]]) -> list[Header]:
    decoded = ((name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in headers)
    return [(name, value) for name, value in decoded if name not in _OURS]


class Lifespan:
    """Runs an application's start-up and shutdown around a block."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._inbox: asyncio.Queue[Message] = asyncio.Queue()
        self._outbox: asyncio.Queue[Message] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> None:
        """Start the application up.

        Raises:
            RuntimeError: It says that it cannot start.
        """
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.3"}, "state": {}}
        self._task = asyncio.create_task(self._run(scope))
        await self._ask("startup")

    async def __aexit__(self, *_: object) -> None:
        await self._ask("shutdown")
        if self._task is not None:
            await self._task

    async def _run(self, scope: MutableMapping[str, Any]) -> None:
        try:
            await self._application(scope, self._inbox.get, self._outbox.put)
        except Exception as error:  # noqa: BLE001 - told to whoever waits for the answer
            await self._outbox.put({"type": "lifespan.failed", "message": repr(error)})

    async def _ask(self, event: str) -> None:
        await self._inbox.put({"type": f"lifespan.{event}"})
        answer = await self._outbox.get()
        if answer["type"] != f"lifespan.{event}.complete":
            raise RuntimeError(f"the application's {event} failed: {answer.get('message', '')}")
