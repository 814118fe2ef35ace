"""The vendors' own clients, unchanged, against the gateway."""

from collections.abc import AsyncIterator
from typing import Any

import anthropic
import openai
import pytest

from tests.gateway.support.frames import CHAT, CHAT_STREAM, DONE, ENGINE_ERROR, MESSAGES, event
from tests.gateway.support.gateway import Gateway
from tests.gateway.support.upstream import Line, Seen, Upstream

HELLO: Any = [{"role": "user", "content": "Hello?"}]


@pytest.fixture
async def openai_client(gateway: Gateway) -> AsyncIterator[openai.AsyncOpenAI]:
    """OpenAI's client without retries."""
    url = f"http://127.0.0.1:{gateway.port}/v1"
    async with openai.AsyncOpenAI(base_url=url, api_key=gateway.token(), max_retries=0) as client:
        yield client


@pytest.fixture
async def anthropic_client(gateway: Gateway) -> AsyncIterator[anthropic.AsyncAnthropic]:
    """Anthropic's client without retries."""
    url = f"http://127.0.0.1:{gateway.port}"
    async with anthropic.AsyncAnthropic(base_url=url, api_key=gateway.token(), max_retries=0) as client:
        yield client


async def test_openai_chat(openai_client: openai.AsyncOpenAI) -> None:
    """A chat in one piece is parsed, and carries its request id."""
    answer = await openai_client.chat.completions.create(model="demo", messages=HELLO)
    assert answer.choices[0].message.content == "Hello"
    assert answer._request_id


async def test_openai_stream_with_usage(openai_client: openai.AsyncOpenAI, upstream: Upstream) -> None:
    """A streamed chat with usage is parsed chunk by chunk."""
    upstream.script = lambda _seen, line: line.stream([CHAT_STREAM])
    stream = await openai_client.chat.completions.create(
        model="demo", messages=HELLO, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "Hello!"
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 3


@pytest.mark.parametrize("broken", [[CHAT[0], ENGINE_ERROR, DONE], [CHAT[0], CHAT[1]]], ids=["error", "truncated"])
async def test_openai_sees_a_broken_stream(
    openai_client: openai.AsyncOpenAI, upstream: Upstream, broken: list[bytes]
) -> None:
    """A stream that breaks off raises in the client, however it broke."""
    upstream.script = lambda _seen, line: line.stream(broken)
    stream = await openai_client.chat.completions.create(model="demo", messages=HELLO, stream=True)
    with pytest.raises(openai.APIError) as caught:
        async for _ in stream:
            pass
    assert caught.value.code == "engine_died"


async def test_openai_responses_see_a_broken_stream(openai_client: openai.AsyncOpenAI, upstream: Upstream) -> None:
    """The Responses API's client raises too."""
    begun = event(
        "response.output_text.delta", {"type": "response.output_text.delta", "delta": "x", "sequence_number": 0}
    )
    upstream.script = lambda _seen, line: line.stream([begun])
    stream = await openai_client.responses.create(model="demo", input="Hello?", stream=True)
    with pytest.raises(openai.APIError):
        async for _ in stream:
            pass


@pytest.mark.parametrize(
    "status, content_type, body, error",
    [
        (400, "application/json", b'{"error": {"message": "no", "code": 400}}', openai.BadRequestError),
        (422, "application/json", b'{"error": {"message": "no", "code": 422}}', openai.UnprocessableEntityError),
        (500, "text/plain", b"Internal Server Error", openai.InternalServerError),
        (404, "text/plain", b"Path '/demo' not found.", openai.InternalServerError),
    ],
)
async def test_openai_errors(  # noqa: PLR0917 - fixtures and cases
    openai_client: openai.AsyncOpenAI,
    upstream: Upstream,
    status: int,
    content_type: str,
    body: bytes,
    error: type[openai.APIStatusError],
) -> None:
    """Errors are raised as the client's own classes."""
    upstream.script = lambda _seen, line: line.answer(status, content_type, body)
    with pytest.raises(error) as caught:
        await openai_client.chat.completions.create(model="demo", messages=HELLO)
    assert caught.value.request_id


async def test_openai_retries_what_may_be_retried(gateway: Gateway, upstream: Upstream) -> None:
    """A model that is loading for a moment is asked again by the client itself, when the gateway says."""

    async def loads_first(seen: Seen, line: Line) -> None:
        if len(upstream.seen) == 1:
            await line.answer(503, "text/plain", b"Service Unavailable")
        else:
            await line.json({"choices": [], "usage": None})

    upstream.script = loads_first
    url = f"http://127.0.0.1:{gateway.port}/v1"
    async with openai.AsyncOpenAI(base_url=url, api_key=gateway.token(), max_retries=1) as client:
        await client.chat.completions.create(model="demo", messages=HELLO)
    assert len(upstream.seen) == 2


async def test_anthropic_message(anthropic_client: anthropic.AsyncAnthropic, upstream: Upstream) -> None:
    """A message in one piece is parsed; Anthropic's `x-api-key` opens the gateway."""
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "content": [{"type": "text", "text": "Hi"}],
        "model": "demo",
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 7, "output_tokens": 3},
    }
    upstream.script = lambda _seen, line: line.json(message)
    answer = await anthropic_client.messages.create(model="demo", max_tokens=5, messages=HELLO)
    assert answer.content[0].type == "text"
    assert answer._request_id


async def test_anthropic_sees_a_broken_stream(anthropic_client: anthropic.AsyncAnthropic, upstream: Upstream) -> None:
    """A message stream that breaks off raises in the client."""
    start = event(
        "message_start",
        {
            "type": "message_start",
            "message": {
                "id": "m",
                "type": "message",
                "role": "assistant",
                "content": [],
                "model": "demo",
                "stop_reason": None,
                "stop_sequence": None,
                "usage": {"input_tokens": 7, "output_tokens": 0},
            },
        },
    )
    upstream.script = lambda _seen, line: line.stream([start, *MESSAGES[1:3]])
    stream = await anthropic_client.messages.create(model="demo", max_tokens=5, messages=HELLO, stream=True)
    with pytest.raises(anthropic.APIStatusError):
        async for _ in stream:
            pass


async def test_anthropic_errors(anthropic_client: anthropic.AsyncAnthropic) -> None:
    """Errors are raised as the client's own classes."""
    with pytest.raises(anthropic.NotFoundError):
        await anthropic_client.messages.create(model="other", max_tokens=5, messages=HELLO)
