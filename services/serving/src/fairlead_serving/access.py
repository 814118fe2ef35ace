"""The replica's door: who may come in, and to which routes of vLLM's application.

Plain ASGI, so that a request costs two comparisons and a streamed token costs nothing.
"""

import hmac
import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from fairlead_contract.errors import EngineDied, FairleadError, PermissionDenied, Unauthenticated, UnknownRoute
from fairlead_contract.modeldeployment import Task
from fairlead_contract.names import HOP_HEADER
from fairlead_contract.surface import ENGINE_PATHS

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]

_OPEN = frozenset({("GET", "/v1/models"), ("GET", "/health")})
"""Open whatever the task."""


_TYPES = {401: "authentication_error", 403: "permission_error", 404: "invalid_request_error", 502: "server_error"}

_POLICY_VIOLATION = 1008
"""A websocket's closing code."""


class HopGuard:
    """Lets in only requests that carry the hop secret, and takes it off before anything else can see it."""

    def __init__(self, app: ASGIApp, secret: str) -> None:
        self._app = app
        self._secret = secret.encode("ascii")
        self._header = HOP_HEADER.encode("ascii")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        carried = [value for name, value in scope["headers"] if name == self._header]
        if not carried:
            await refuse(scope, send, Unauthenticated(f"a replica is called with the header {HOP_HEADER}"))
            return
        if len(carried) > 1 or not hmac.compare_digest(carried[0], self._secret):
            await refuse(scope, send, PermissionDenied(f"the header {HOP_HEADER} is not this replica's secret"))
            return
        scope["headers"] = [header for header in scope["headers"] if header[0] != self._header]
        await self._app(scope, receive, send)


class RouteFilter:
    """Answers 404 for every route but those of a task."""

    def __init__(self, app: ASGIApp, task: Task) -> None:
        self._app = app
        self._allowed = allowed_routes(task)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or self._allows(scope):
            await self._app(scope, receive, send)
        else:
            await refuse(scope, send, UnknownRoute("a replica has no such route; it serves its model's task only"))

    def _allows(self, scope: Scope) -> bool:
        if scope["type"] != "http":
            return False
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        return (scope["method"], path) in self._allowed


def allowed_routes(task: Task) -> frozenset[tuple[str, str]]:
    """Return the routes that a replica serves, as method and path.

    Everything else that vLLM's application offers, above all its administration, does not exist from outside.
    """
    return _OPEN | {("POST", path) for path in ENGINE_PATHS[task]}


async def refuse(scope: Scope, send: Send, error: FairleadError) -> None:
    """Answer an HTTP request with an error, or close a websocket before it opens."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": _POLICY_VIOLATION})
        return
    said = {"message": error.message, "type": _TYPES[error.http_status], "code": error.code}
    body = json.dumps({"error": said}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": error.http_status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class LivenessGate:
    """Answers that the engine died instead of handing a request to it; the replica is about to leave then."""

    def __init__(self, app: ASGIApp, check: Callable[[], None]) -> None:
        self._app = app
        self._check = check

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            try:
                self._check()
            except EngineDied as error:
                await refuse(scope, send, error)
                return
        await self._app(scope, receive, send)


def guarded(app: ASGIApp, secret: str, check: Callable[[], None], task: Task) -> ASGIApp:
    """Return the application behind its door: first the secret, then the routes, then the engine's health.

    Args:
        app: vLLM's application.
        secret: The hop secret.
        check: Raises `EngineDied` if the engine is not well.
        task: What the model is used for.
    """
    return HopGuard(RouteFilter(LivenessGate(app, check), task), secret)
