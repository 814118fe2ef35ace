"""The lane to the FastAPI application."""

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest

from fairlead_gateway.asgi import Application, AsgiLane, Lifespan, Receive, Send
from fairlead_gateway.body_budget import BodyBudget
from fairlead_gateway.http_head import parse_head
from fairlead_gateway.request import Body, Request
from tests.gateway.support.gateway import Gateway
from tests.gateway.support.replies import collected

Scope = MutableMapping[str, Any]


def request(target: str = "/x", body: bytes = b"", *headers: str) -> Request:
    lines = "".join(f"{header}\r\n" for header in headers)
    head = parse_head(f"POST {target} HTTP/1.1\r\nHost: h\r\nContent-Length: {len(body)}\r\n{lines}\r\n".encode())
    content = Body(head.body_length, limit_bytes=1024, budget=BodyBudget(10_000))
    content.feed(body)
    return Request(head, content, peer="10.0.0.1", received_at=0.0)


async def test_gives_the_application_the_request() -> None:
    """The application sees method, path, query, headers, peer and the whole body."""
    seen: list[Any] = []

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        seen.extend((scope, await receive()))
        await send(
            {"type": "http.response.start", "status": 201, "headers": [(b"X-Made", b"yes"), (b"Date", b"never")]}
        )
        await send({"type": "http.response.body", "body": b"made"})

    reply, collector = collected()
    await AsgiLane(application)(request("/a%20b/%C3%A9?q=1", b"hello", "X-Request-Id: mine"), reply)
    scope, message = seen
    assert (scope["method"], scope["path"], scope["raw_path"]) == ("POST", "/a b/é", b"/a%20b/%C3%A9")
    assert (scope["query_string"], scope["client"]) == (b"q=1", ("10.0.0.1", 0))
    assert [value for name, value in scope["headers"] if name == b"x-request-id"] == [b"mine"]
    assert message == {"type": "http.request", "body": b"hello", "more_body": False}
    assert (collector.status, collector.body) == (201, b"made")
    assert "x-made: yes" in collector.head
    assert collector.head.count("date: ") == 1


async def test_streams_what_the_application_streams() -> None:
    """A reply in pieces goes out in pieces, with its proper end."""

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for piece in (b"one ", b"two ", b""):
            await send({"type": "http.response.body", "body": piece, "more_body": bool(piece)})

    reply, collector = collected()
    await AsgiLane(application)(request(), reply)
    assert (collector.body, collector.ended) == (b"one two ", True)


async def test_waits_for_a_slow_client() -> None:
    """The application is held while the client does not read."""
    going_on = asyncio.Event()

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"one", "more_body": True})
        going_on.set()
        await send({"type": "http.response.body", "body": b"two"})

    reply, collector = collected()
    reply.client_slow(slow=True)
    answering = asyncio.ensure_future(AsgiLane(application)(request(), reply))
    for _ in range(10):
        await asyncio.sleep(0)
    assert not going_on.is_set()
    reply.client_slow(slow=False)
    await answering
    assert collector.body == b"onetwo"


async def test_tells_the_application_that_the_client_left() -> None:
    """Who waits for the client's leaving learns of it."""
    messages: list[Any] = []

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        messages.extend([await receive(), await receive()])

    reply, _ = collected()
    answering = asyncio.ensure_future(AsgiLane(application)(request(), reply))
    await asyncio.sleep(0)
    reply.client_gone()
    await answering
    assert messages[1] == {"type": "http.disconnect"}


async def test_a_header_with_a_line_break_is_not_sent() -> None:
    """A header that would be two headers is an error, not a second reply."""

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x", b"a\r\nset-cookie: b")]})
        await send({"type": "http.response.body", "body": b""})

    reply, collector = collected()
    with pytest.raises(Exception, match="line break"):
        await AsgiLane(application)(request(), reply)
    assert not collector.sent


async def test_runs_the_lifespan() -> None:
    """The application is started before the block and shut down after it."""
    events: list[str] = []

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        for event in ("startup", "shutdown"):
            assert await receive() == {"type": f"lifespan.{event}"}
            events.append(event)
            await send({"type": f"lifespan.{event}.complete"})

    async with Lifespan(application):
        assert events == ["startup"]
    assert events == ["startup", "shutdown"]


async def _fails(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "no database"})


async def _raises(scope: Scope, receive: Receive, send: Send) -> None:
    raise ValueError("no database")


@pytest.mark.parametrize("application", [_fails, _raises])
async def test_an_application_that_cannot_start_stops_the_gateway(application: Application) -> None:
    """A start-up that fails is an error that says why."""
    with pytest.raises(RuntimeError, match="no database"):
        await Lifespan(application).__aenter__()


async def test_the_api_answers_beside_inference(gateway: Gateway) -> None:
    """Models, health and unknown paths are answered by FastAPI, through the same edge."""
    async with gateway.wire() as wire:
        await wire.send(b"GET /v1/models HTTP/1.1\r\nHost: h\r\n\r\n")
        assert (await wire.answer()).status == 401
        authorization = b"Authorization: Bearer " + gateway.token().encode()
        await wire.send(b"GET /v1/models HTTP/1.1\r\nHost: h\r\n" + authorization + b"\r\n\r\n")
        models = await wire.answer()
        assert [model["id"] for model in models.json["data"]] == ["demo"]
        await wire.post("/v1/nothing", b"{}", token=gateway.token())
        unknown = await wire.answer()
        assert (unknown.status, unknown.json["error"]["code"]) == (404, "unknown_url")
        assert unknown.headers["x-request-id"]
