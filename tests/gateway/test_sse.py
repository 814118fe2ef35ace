"""Frames: where they end, and what they mean."""

import pytest

from fairlead_gateway.endpoints import Dialect
from fairlead_gateway.sse import GRAMMARS, MAX_FRAME_BYTES, FrameBuffer, Meaning, frames, payload
from tests.gateway.support.frames import (
    CHAT,
    CHAT_STREAM,
    CHAT_USAGE,
    DONE,
    ENGINE_ERROR,
    MESSAGES,
    RESPONSES,
    RESPONSES_LAST,
    chat_chunk,
    event,
)

MEANINGS = {
    Dialect.OPENAI: [(CHAT[1], Meaning.CONTENT), (CHAT_USAGE, Meaning.USAGE), (DONE, Meaning.LAST)],
    Dialect.RESPONSES: [
        (RESPONSES[0], Meaning.CONTENT),
        (RESPONSES[1], Meaning.CONTENT),
        (RESPONSES_LAST, Meaning.LAST),
        (event("response.incomplete", {"response": {}}), Meaning.LAST),
        (event("response.failed", {"response": {}}), Meaning.ERROR),
    ],
    Dialect.ANTHROPIC: [
        (MESSAGES[0], Meaning.REPORT),
        (MESSAGES[2], Meaning.CONTENT),
        (event("message_delta", {"usage": {}}), Meaning.REPORT),
        (event("message_stop", {}), Meaning.LAST),
        (event("error", {"type": "error"}), Meaning.ERROR),
    ],
}
CASES = [(dialect, frame, meaning) for dialect, told in MEANINGS.items() for frame, meaning in told]


@pytest.mark.parametrize("dialect, frame, meaning", CASES)
def test_knows_what_a_frame_means(dialect: Dialect, frame: bytes, meaning: Meaning) -> None:
    """Each dialect's frames are told apart, and a frame that is more than content is never overlooked."""
    grammar = GRAMMARS[dialect]
    assert grammar.meaning(frame) is meaning
    assert grammar.special(frame) or meaning is Meaning.CONTENT


@pytest.mark.parametrize("dialect", [Dialect.OPENAI, Dialect.RESPONSES])
def test_knows_an_engine_error(dialect: Dialect) -> None:
    """VLLM's error frame is an error in both OpenAI dialects."""
    assert GRAMMARS[dialect].special(ENGINE_ERROR)
    assert GRAMMARS[dialect].meaning(ENGINE_ERROR) is Meaning.ERROR


@pytest.mark.parametrize(
    "text",
    [
        'data: {"error": {"code": 500}}',
        "data: [DONE]\n\n",
        '"choices":[]',
        '"choices":[],"usage":{"prompt_tokens":1}',
        "event: error\ndata: {}\n\n",
        "event: message_stop\n",
    ],
)
def test_text_that_looks_like_a_frame_is_content(text: str) -> None:
    """Whatever a model writes stays content: inside JSON, quotes and line breaks are escaped."""
    frame = chat_chunk(text)
    assert GRAMMARS[Dialect.OPENAI].meaning(frame) is Meaning.CONTENT
    spoken = event("content_block_delta", {"delta": {"text": text}})
    assert GRAMMARS[Dialect.ANTHROPIC].meaning(spoken) is Meaning.CONTENT


def test_splits_at_every_offset() -> None:
    """Whole frames come out, once and in order, wherever the bytes are cut."""
    for cut in range(len(CHAT_STREAM) + 1):
        buffer = FrameBuffer()
        parts = [buffer.whole(CHAT_STREAM[:cut]), buffer.whole(CHAT_STREAM[cut:])]
        assert b"".join(parts) == CHAT_STREAM
        assert all(part == b"" or part.endswith(b"\n\n") for part in parts)
        assert buffer.rest == b""


def test_bounds_a_frame() -> None:
    """A frame that never ends is an error, not a full memory."""
    buffer = FrameBuffer()
    with pytest.raises(ValueError, match="larger"):
        buffer.whole(b"x" * (MAX_FRAME_BYTES + 1))


def test_takes_a_frame_apart() -> None:
    """The payload of a frame is its data line, with or without an event line before it."""
    assert list(frames(CHAT[0] + DONE)) == [CHAT[0], DONE]
    assert payload(b'event: x\ndata: {"a":1}\n\n') == b'{"a":1}'
    assert payload(b'data:{"a":1}\n\n') == b'{"a":1}'
    assert payload(b": comment\n\n") == b""
