"""Upstream errors, and what clients are told of them."""

import json
from typing import Any

import pytest

from fairlead_gateway.refusals import refusal, stream_error
from tests.gateway.support.gateway import Gateway, chat
from tests.gateway.support.upstream import Upstream

JSON, TEXT, HTML = "application/json", "text/plain", "text/html"


def vllm(status: int, message: str = "it is wrong", kind: str = "BadRequestError", param: str | None = None) -> bytes:
    return json.dumps({"error": {"message": message, "type": kind, "param": param, "code": status}}).encode()


ANSWERS: list[tuple[int, str, bytes, int, str]] = [
    # The engine's own errors: a client's mistakes keep status and sentence, ours do not.
    (400, JSON, vllm(400), 400, "it is wrong"),
    (404, JSON, vllm(404, kind="NotFoundError"), 404, "it is wrong"),
    (413, JSON, vllm(413), 413, "it is wrong"),
    (422, JSON, vllm(422, kind="UnprocessableEntityError"), 422, "it is wrong"),
    (501, JSON, vllm(501, kind="NotImplementedError"), 400, "it is wrong"),
    (400, JSON, b'{"type": "error", "error": {"type": "x", "message": "it is wrong"}}', 400, "it is wrong"),
    (400, JSON, b'{"message": "it is wrong"}', 400, "it is wrong"),
    (400, JSON, b"{", 400, "refused"),
    (400, JSON, vllm(400, message="x" * 10_000), 400, "xxx"),
    (401, JSON, vllm(401, message="hop secret"), 502, "failed to answer"),
    (403, JSON, vllm(403, message="hop secret"), 502, "failed to answer"),
    (429, JSON, vllm(429), 503, "more requests"),
    (503, JSON, vllm(503, kind="ServiceUnavailableError"), 503, "more requests"),
    (500, JSON, vllm(500, message="EngineDeadError /home/x"), 502, "failed to answer"),
    # Ray Serve and HAProxy speak plain text.
    (503, TEXT, b"Request dropped due to backpressure", 503, "more requests"),
    (404, TEXT, b"Path '/demo' not found. Ping http://.../-/routes for available routes.", 503, "starting"),
    (500, TEXT, b"Internal Server Error", 503, "No replica"),
    (503, TEXT, b"Service Unavailable", 503, "No replica"),
    (502, HTML, b"<html>502 Bad Gateway</html>", 503, "No replica"),
    (504, HTML, b"<html>504 Gateway Time-out</html>", 504, "in time"),
    (408, HTML, b"<html>408</html>", 504, "in time"),
    (302, HTML, b"", 502, "failed to answer"),
    (403, TEXT, b"Forbidden", 502, "failed to answer"),
]


@pytest.mark.parametrize("status, content_type, body, told, words", ANSWERS)
def test_tells_an_upstream_error(status: int, content_type: str, body: bytes, told: int, words: str) -> None:
    """Whoever answered on the way, the client gets one honest error."""
    error = refusal(status, content_type, body)
    assert error.http_status == told
    assert words in error.message
    assert len(error.message) <= 2000


@pytest.mark.parametrize("status, content_type, body", [(s, c, b) for s, c, b, told, _ in ANSWERS if told == 503])
def test_says_when_to_come_back(status: int, content_type: str, body: bytes) -> None:
    """Who is refused for want of capacity is told when to try again, and not everybody the same."""
    pauses = {refusal(status, content_type, body).retry_after_s for _ in range(20)}
    assert len(pauses) > 1
    assert all(pause is not None and 0 < pause <= 60 for pause in pauses)


def test_keeps_the_field_that_is_wrong() -> None:
    """The engine's `param` reaches the client."""
    assert refusal(400, JSON, vllm(400, param="temperature")).param == "temperature"


@pytest.mark.parametrize(
    "document, code",
    [
        ({"error": {"message": "m", "code": 400}}, "invalid_request"),
        ({"error": {"message": "m", "code": 500}}, "engine_died"),
        ({"error": {"message": "m", "code": None}}, "engine_died"),
        ({"type": "error", "error": {"type": "internal_error", "message": "m"}}, "engine_died"),
        ({"response": {"error": {"code": "server_error"}}}, "engine_died"),
        ("nonsense", "engine_died"),
    ],
)
def test_tells_a_stream_error(document: Any, code: str) -> None:
    """An error event tells a client's mistake from an engine's death."""
    assert stream_error(json.dumps(document).encode()).code == code


@pytest.mark.parametrize("case", range(len(ANSWERS)))
async def test_never_passes_an_upstream_page_on(gateway: Gateway, upstream: Upstream, case: int) -> None:
    """Through the whole gateway, an upstream's error is an envelope with the right status and headers."""
    status, content_type, body, told, words = ANSWERS[case]
    upstream.script = lambda _seen, line: line.answer(status, content_type, body)
    answer = await gateway.ask("/v1/chat/completions", chat())
    assert answer.status == told
    assert words in answer.json["error"]["message"]
    assert answer.headers["content-type"] == JSON
    assert ("retry-after" in answer.headers) == (told in {502, 503, 504})
    anthropic = await gateway.ask("/v1/messages", chat(max_tokens=5))
    assert (anthropic.status, anthropic.json["type"]) == (told, "error")
    assert anthropic.json["request_id"] == anthropic.headers["request-id"]
