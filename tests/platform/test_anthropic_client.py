"""Anthropic's own client works against the platform unchanged."""

import anthropic
import pytest

from tests.support.platform import DEMO_MODEL, Platform

pytestmark = pytest.mark.platform

ASKED: list[anthropic.types.MessageParam] = [{"role": "user", "content": "What does the fairlead on a ship do?"}]


def test_messages(anthropic_client: anthropic.Anthropic) -> None:
    """A message is answered, with usage."""
    answer = anthropic_client.messages.create(model=DEMO_MODEL, max_tokens=40, messages=ASKED)
    assert answer.role == "assistant"
    assert "".join(block.text for block in answer.content if block.type == "text")
    assert answer.usage.input_tokens > 0
    assert 0 < answer.usage.output_tokens <= 40


def test_streamed_messages(anthropic_client: anthropic.Anthropic) -> None:
    """A message is streamed, from its start to its stop, and the client puts it together."""
    with anthropic_client.messages.stream(model=DEMO_MODEL, max_tokens=40, messages=ASKED) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_message()
    assert kinds[0] == "message_start"
    assert kinds[-1] == "message_stop"
    assert "".join(block.text for block in final.content if block.type == "text")
    assert 0 < final.usage.output_tokens <= 40


def test_count_tokens(anthropic_client: anthropic.Anthropic) -> None:
    """Tokens are counted without being generated."""
    assert anthropic_client.messages.count_tokens(model=DEMO_MODEL, messages=ASKED).input_tokens > 0


def test_unknown_model(anthropic_client: anthropic.Anthropic) -> None:
    """An unknown model is NotFoundError in Anthropic's envelope."""
    with pytest.raises(anthropic.NotFoundError) as caught:
        anthropic_client.messages.create(model="no-such-model", max_tokens=5, messages=ASKED)
    assert isinstance(caught.value.body, dict)
    assert caught.value.body["type"] == "error"
    assert caught.value.body["error"]["type"] == "not_found_error"


def test_wrong_key(platform: Platform) -> None:
    """A wrong key is AuthenticationError."""
    client = anthropic.Anthropic(base_url=platform.url, api_key="fl-nobody-nothing")
    with client, pytest.raises(anthropic.AuthenticationError):
        client.messages.create(model=DEMO_MODEL, max_tokens=5, messages=ASKED)


def test_wrong_value(anthropic_client: anthropic.Anthropic) -> None:
    """A value out of range is BadRequestError."""
    with pytest.raises(anthropic.BadRequestError):
        anthropic_client.messages.create(model=DEMO_MODEL, max_tokens=-1, messages=ASKED)


def test_rate_limit(platform: Platform) -> None:
    """A reached limit is RateLimitError with Retry-After."""
    token = platform.tenant(requestsPerMinute=1)
    with anthropic.Anthropic(base_url=platform.url, api_key=token, max_retries=0) as client:
        client.messages.create(model=DEMO_MODEL, max_tokens=5, messages=ASKED)
        with pytest.raises(anthropic.RateLimitError) as caught:
            client.messages.create(model=DEMO_MODEL, max_tokens=5, messages=ASKED)
    assert 1 <= int(caught.value.response.headers["retry-after"]) <= 61
