"""What the edge refuses and what it takes, seen on the wire."""

import asyncio
import json

import pytest

from tests.gateway.support.gateway import Gateway, chat
from tests.gateway.support.upstream import Upstream

BODY = json.dumps(chat()).encode()
HOST = b"Host: localhost\r\n"


def get(*headers: bytes, target: bytes = b"/health", method: bytes = b"GET", version: bytes = b"HTTP/1.1") -> bytes:
    return b"%b %b %b\r\n" % (method, target, version) + b"".join(headers) + b"\r\n"


def post(*headers: bytes, body: bytes = b"") -> bytes:
    return get(HOST, *headers, target=b"/v1/chat/completions", method=b"POST") + body


REFUSED = {
    "no host": (get(), 400),
    "two hosts": (get(HOST, b"Host: other\r\n"), 400),
    "two equal hosts": (get(HOST, HOST), 400),
    "empty host": (get(b"Host:\r\n"), 400),
    "host with a path": (get(b"Host: localhost/x\r\n"), 400),
    "host with user": (get(b"Host: me@localhost\r\n"), 400),
    "host with a bad port": (get(b"Host: localhost:http\r\n"), 400),
    "host list": (get(b"Host: a, b\r\n"), 400),
    "http/0.9": (b"GET /health\r\n", 400),
    "http/1.0": (get(HOST, version=b"HTTP/1.0"), 400),
    "http/1.2": (get(HOST, version=b"HTTP/1.2"), 400),
    "http/2 preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "http/11": (get(HOST, version=b"HTTP/11"), 400),
    "lower-case version": (get(HOST, version=b"http/1.1"), 400),
    "absolute-form target": (get(HOST, target=b"http://localhost/health"), 400),
    "authority-form target": (get(HOST, target=b"localhost:80", method=b"CONNECT"), 400),
    "asterisk-form target": (get(HOST, target=b"*", method=b"OPTIONS"), 400),
    "empty target": (b"GET  HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "target with a space": (get(HOST, target=b"/a b"), 400),
    "target with a fragment": (get(HOST, target=b"/health#x"), 400),
    "target with a bad escape": (get(HOST, target=b"/%zz"), 400),
    "target with raw bytes": (get(HOST, target=b"/\xff\xfe"), 400),
    "target with a NUL": (get(HOST, target=b"/\x00"), 400),
    "two spaces in the request line": (b"GET  /health HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "tab in the request line": (b"GET\t/health HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "unknown method": (get(HOST, method=b"BREW"), 405),
    "trace": (get(HOST, method=b"TRACE"), 405),
    "lower-case method": (get(HOST, method=b"get"), 400),
    "bare line feeds": (b"GET /health HTTP/1.1\nHost: localhost\n\n", 400),
    "one bare line feed": (b"GET /health HTTP/1.1\r\nHost: localhost\nX: y\r\n\r\n", 400),
    "bare carriage return": (b"GET /health HTTP/1.1\r\nHost: localhost\rX: y\r\n\r\n", 400),
    "folded header": (get(HOST, b"X: a\r\n b\r\n"), 400),
    "folded first header": (b"GET /health HTTP/1.1\r\n Host: localhost\r\n\r\n", 400),
    "space before the colon": (get(HOST, b"X : y\r\n"), 400),
    "header without a colon": (get(HOST, b"nonsense\r\n"), 400),
    "header with an empty name": (get(HOST, b": y\r\n"), 400),
    "header name in brackets": (get(HOST, b"X[0]: y\r\n"), 400),
    "header with a NUL": (get(HOST, b"X: a\x00b\r\n"), 400),
    "header with a control character": (get(HOST, b"X: a\x07b\r\n"), 400),
    "empty lines first": (b"\r\n\r\n" + get(HOST), 400),
    "tls on a plain port": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 64, 400),
    "length and chunks": (post(b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", body=b"0\r\n\r\n"), 400),
    "two lengths": (post(b"Content-Length: 5\r\n", b"Content-Length: 6\r\n", body=b"hello"), 400),
    "two equal lengths": (post(b"Content-Length: 5\r\n", b"Content-Length: 5\r\n", body=b"hello"), 400),
    "length list": (post(b"Content-Length: 5, 5\r\n", body=b"hello"), 400),
    "negative length": (post(b"Content-Length: -1\r\n"), 400),
    "signed length": (post(b"Content-Length: +5\r\n", body=b"hello"), 400),
    "hexadecimal length": (post(b"Content-Length: 0x5\r\n", body=b"hello"), 400),
    "empty length": (post(b"Content-Length:\r\n"), 400),
    "length beyond all numbers": (post(b"Content-Length: " + b"9" * 40 + b"\r\n"), 400),
    "unknown coding": (post(b"Transfer-Encoding: gzip\r\n"), 400),
    "coding list": (post(b"Transfer-Encoding: gzip, chunked\r\n", body=b"0\r\n\r\n"), 400),
    "coding twice": (
        post(b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: chunked\r\n", body=b"0\r\n\r\n"),
        400,
    ),
    "disguised coding": (post(b"Transfer-Encoding: \x0bchunked\r\n", body=b"0\r\n\r\n"), 400),
    "unknown expectation": (post(b"Expect: tea\r\n"), 400),
    "two credentials": (post(b"Authorization: Bearer a\r\n", b"Authorization: Bearer b\r\n"), 400),
    "too many headers": (get(HOST, *(b"X-%d: y\r\n" % number for number in range(100))), 431),
    "head too large": (get(HOST, b"X: " + b"y" * 33_000 + b"\r\n"), 431),
    "endless request line": (b"GET /" + b"a" * 40_000, 431),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_refuses(gateway: Gateway, case: str) -> None:
    """A request that is not exactly HTTP/1.1 gets an error in the envelope, and the connection ends."""
    sent, status = REFUSED[case]
    async with gateway.wire() as wire:
        await wire.send(sent)
        answer = await wire.answer()
        assert answer.status == status
        assert answer.headers["connection"] == "close"
        assert answer.headers["x-request-id"]
        assert answer.json["error"]["type"] == "invalid_request_error"
        assert len(answer.json["error"]["message"]) > 20
        assert await wire.rest() == b""


TAKEN = {
    "plain": get(HOST),
    "host with a port": get(b"Host: localhost:8080\r\n"),
    "ipv6 host": get(b"Host: [::1]:8080\r\n"),
    "spelled loudly": get(b"HOST: localhost\r\n"),
    "spaces around a value": get(b"Host: \t localhost \t\r\n"),
    "no space after the colon": get(b"Host:localhost\r\n"),
    "empty value": get(HOST, b"X:\r\n"),
    "latin-1 value": get(HOST, b"X: caf\xe9\r\n"),
    "query": get(HOST, target=b"/health?a[]=b&c=%20"),
    "offer to switch to http/2": get(
        HOST, b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"
    ),
    "a hundred headers": get(HOST, *(b"X-%d: y\r\n" % number for number in range(99))),
    "a head of nearly 32 KiB": get(HOST, b"X: " + b"y" * 32_000 + b"\r\n"),
    "empty chunked body": get(HOST, b"Transfer-Encoding: Chunked\r\n") + b"0\r\n\r\n",
}


@pytest.mark.parametrize("case", TAKEN)
async def test_takes(gateway: Gateway, case: str) -> None:
    """What HTTP/1.1 allows is answered, on a connection that lives on."""
    async with gateway.wire() as wire:
        for _ in range(2):
            await wire.send(TAKEN[case])
            answer = await wire.answer()
            assert (answer.status, answer.json) == (200, {"status": "ok"})
            assert "connection" not in answer.headers


@pytest.mark.parametrize("case", ["plain", "a hundred headers", "empty chunked body"])
async def test_reads_a_head_byte_by_byte(gateway: Gateway, case: str) -> None:
    """It makes no difference how TCP cuts a request."""
    async with gateway.wire() as wire:
        for byte in TAKEN[case]:
            await wire.send(bytes([byte]))
        assert (await wire.answer()).status == 200


async def test_takes_a_chunked_body(gateway: Gateway, upstream: Upstream) -> None:
    """A body in chunks, cut anywhere, arrives whole at the model."""
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(BODY[i : i + 7]), BODY[i : i + 7]) for i in range(0, len(BODY), 7))
    request = post(
        b"Content-Type: application/json\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Authorization: Bearer %b\r\n" % gateway.token().encode(),
        body=chunks + b"0\r\n\r\n",
    )
    async with gateway.wire() as wire:
        for start in range(0, len(request), 11):
            await wire.send(request[start : start + 11])
        assert (await wire.answer()).status == 200
    assert upstream.seen[0].json["messages"] == chat()["messages"]


BROKEN_CHUNKS = {
    "extension": b"5;a=b\r\nhello\r\n0\r\n\r\n",
    "bare line feed": b"5\nhello\n0\n\n",
    "no size": b"\r\nhello\r\n0\r\n\r\n",
    "size with a sign": b"+5\r\nhello\r\n0\r\n\r\n",
    "size with 0x": b"0x5\r\nhello\r\n0\r\n\r\n",
    "endless size": b"00000000000000005\r\nhello\r\n0\r\n\r\n",
    "data too long": b"5\r\nhello!\r\n0\r\n\r\n",
    "trailer": b"5\r\nhello\r\n0\r\nX: y\r\n\r\n",
    "space after the size": b"5 \r\nhello\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("case", BROKEN_CHUNKS)
async def test_refuses_broken_chunks(gateway: Gateway, case: str) -> None:
    """A chunked body that two parsers could read differently is refused, and the connection ends."""
    authorization = b"Authorization: Bearer %b\r\n" % gateway.token().encode()
    async with gateway.wire() as wire:
        await wire.send(post(authorization, b"Transfer-Encoding: chunked\r\n", body=BROKEN_CHUNKS[case]))
        answer = await wire.answer()
        assert answer.status == 400
        assert "chunk" in answer.json["error"]["message"]
        assert await wire.rest() == b""


async def test_does_not_answer_what_hides_in_a_body(gateway: Gateway, upstream: Upstream) -> None:
    """A request inside another request's body is body, whatever it looks like."""
    hidden = get(HOST, target=b"/v1/models")
    async with gateway.wire() as wire:
        await wire.post("/v1/chat/completions", hidden, token=gateway.token())
        assert (await wire.answer()).status == 400
        await wire.send(get(HOST, b"Connection: close\r\n"))
        assert (await wire.answer()).json == {"status": "ok"}
        assert await wire.rest() == b""


async def test_serves_pipelined_requests_in_order(gateway: Gateway) -> None:
    """Requests sent before their answers are served one after the other."""
    async with gateway.wire() as wire:
        await wire.send(get(HOST) + get(HOST, target=b"/nothing") + get(HOST, target=b"/ready"))
        assert [(await wire.answer()).status for _ in range(3)] == [200, 404, 200]


async def test_bounds_pipelined_requests(gateway: Gateway) -> None:
    """Who sends more than a head's size ahead gets answers to what fits, then the connection ends."""
    async with gateway.wire() as wire:
        await wire.send(get(HOST) * 10_000)
        received = await wire.rest()
        assert 1 <= received.count(b"HTTP/1.1 200") < 10_000


async def test_asks_for_an_expected_body(gateway: Gateway) -> None:
    """A client that waits for `100 Continue` gets it when its body is wanted, and then its answer."""
    authorization = b"Authorization: Bearer %b\r\n" % gateway.token().encode()
    head = (authorization, b"Content-Type: application/json\r\n", b"Expect: 100-continue\r\n")
    async with gateway.wire() as wire:
        await wire.send(post(*head, b"Content-Length: %d\r\n" % len(BODY)))
        assert await wire.head() == (100, {})
        await wire.send(BODY)
        assert (await wire.answer()).status == 200


async def test_does_not_ask_a_stranger_for_a_body(gateway: Gateway) -> None:
    """Who has no credentials is refused before the body is sent, however large it was going to be."""
    async with gateway.wire() as wire:
        await wire.send(post(b"Expect: 100-continue\r\n", b"Content-Length: 1000000\r\n"))
        answer = await wire.answer()
        assert (answer.status, answer.headers["connection"]) == (401, "close")


async def test_refuses_a_body_announced_too_large(gateway: Gateway) -> None:
    """A body whose announced length is above the limit is refused before it is sent."""
    authorization = b"Authorization: Bearer %b\r\n" % gateway.token().encode()
    async with gateway.wire() as wire:
        await wire.send(post(authorization, b"Expect: 100-continue\r\n", b"Content-Length: 999999999\r\n"))
        answer = await wire.answer()
        assert answer.status == 413
        assert answer.json["error"]["code"] == "request_too_large"


async def test_counts_a_chunked_body(gateway: Gateway) -> None:
    """A body of unknown length is refused as soon as it is above the limit, and the answer arrives."""
    authorization = b"Authorization: Bearer %b\r\n" % gateway.token().encode()
    async with gateway.wire() as wire:
        await wire.send(post(authorization, b"Transfer-Encoding: chunked\r\n"))
        chunk = b"%x\r\n%b\r\n" % (1_000_000, b"x" * 1_000_000)
        for _ in range(6):
            await wire.send(chunk)
        assert (await wire.answer()).status == 413


async def test_tells_errors_in_the_dialect_of_the_path(gateway: Gateway) -> None:
    """An error on Anthropic's paths comes in Anthropic's envelope, with their name for the request id."""
    async with gateway.wire() as wire:
        await wire.post("/v1/messages", b"{}")
        answer = await wire.answer()
        assert answer.status == 401
        assert answer.json["type"] == "error"
        assert answer.json["request_id"] == answer.headers["request-id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize("name", ["X-Request-Id", "X-Client-Request-Id"])
async def test_takes_over_a_request_id(gateway: Gateway, upstream: Upstream, name: str) -> None:
    """A well-formed request id of the client's comes back, and goes to the model."""
    answer = await gateway.ask("/v1/chat/completions", chat(), headers={name: "my-id.42"})
    assert answer.headers["x-request-id"] == upstream.seen[0].headers["x-request-id"] == "my-id.42"


@pytest.mark.parametrize("given", ["a b", "x" * 200, "<script>", "-", "é"])
async def test_makes_a_request_id_where_the_given_one_is_odd(gateway: Gateway, given: str) -> None:
    """A request id that is not plain is replaced by one of the gateway's own."""
    answer = await gateway.ask("/v1/chat/completions", chat(), headers={"X-Request-Id": given})
    assert answer.headers["x-request-id"].startswith("req_")


async def test_answers_head_without_a_body(gateway: Gateway) -> None:
    """HEAD is answered as GET is, with the length of a body that is not sent."""
    async with gateway.wire() as wire:
        await wire.send(get(HOST, b"Connection: close\r\n", method=b"HEAD"))
        received = await wire.rest()
        assert received.endswith(b"\r\n\r\n")
        assert b"content-length" in received


@pytest.mark.parametrize("method", [b"GET", b"PUT", b"DELETE", b"OPTIONS"])
async def test_names_the_method_of_an_inference_path(gateway: Gateway, method: bytes) -> None:
    """The wrong method on an inference path is told which one is right."""
    async with gateway.wire() as wire:
        await wire.send(get(HOST, target=b"/v1/chat/completions", method=method))
        answer = await wire.answer()
        assert (answer.status, answer.headers["allow"]) == (405, "POST")


async def test_a_client_that_leaves_early_harms_nobody(gateway: Gateway) -> None:
    """Connections that end in the middle of a head or a body leave nothing behind."""
    for sent in (b"", b"GET /hea", post(b"Content-Length: 100\r\n", body=b"{")):
        async with gateway.wire() as wire:
            await wire.send(sent)
            wire.reset()
    async with gateway.wire() as wire:
        await wire.send(get(HOST))
        assert (await wire.answer()).status == 200
    await asyncio.wait_for(gateway.runtime.edge.drain(limit_s=5), 5)
