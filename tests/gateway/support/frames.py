"""Streams byte for byte as vLLM 0.32 writes them."""

import json
from typing import Any

from tests.gateway.support.upstream import USAGE

DONE = b"data: [DONE]\n\n"


def data(document: Any) -> bytes:
    return b"data: " + json.dumps(document, separators=(",", ":")).encode() + b"\n\n"


def event(name: str, document: Any) -> bytes:
    return f"event: {name}\n".encode() + data(document)


def chat_chunk(content: str, **delta: Any) -> bytes:
    return data(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": "demo",
            "choices": [{"index": 0, "delta": {"content": content, **delta}, "logprobs": None, "finish_reason": None}],
        }
    )


CHAT_USAGE = data(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "demo",
        "choices": [],
        "usage": USAGE,
    }
)
CHAT = [chat_chunk("", role="assistant"), chat_chunk("Hel"), chat_chunk("lo"), chat_chunk("!")]
CHAT_VISIBLE = b"".join([*CHAT, DONE])
CHAT_STREAM = b"".join([*CHAT, CHAT_USAGE, DONE])

RESPONSES_USAGE = {
    "input_tokens": 7,
    "input_tokens_details": {"cached_tokens": 2},
    "output_tokens": 3,
    "total_tokens": 10,
}
RESPONSES = [
    event("response.created", {"type": "response.created", "sequence_number": 0, "response": {"usage": None}}),
    event("response.output_text.delta", {"type": "response.output_text.delta", "delta": "Hi", "sequence_number": 1}),
    event("response.output_text.delta", {"type": "response.output_text.delta", "delta": "!", "sequence_number": 2}),
]
RESPONSES_LAST = event(
    "response.completed", {"type": "response.completed", "sequence_number": 3, "response": {"usage": RESPONSES_USAGE}}
)
RESPONSES_STREAM = b"".join([*RESPONSES, RESPONSES_LAST])

MESSAGES = [
    event(
        "message_start",
        {"type": "message_start", "message": {"id": "msg_1", "usage": {"input_tokens": 7, "output_tokens": 0}}},
    ),
    event("content_block_start", {"type": "content_block_start", "index": 0}),
    event("content_block_delta", {"type": "content_block_delta", "index": 0, "delta": {"text": "Hi"}}),
    event("content_block_delta", {"type": "content_block_delta", "index": 0, "delta": {"text": "!"}}),
    event("content_block_stop", {"type": "content_block_stop", "index": 0}),
]
MESSAGES_LAST = event(
    "message_delta",
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"input_tokens": 7, "output_tokens": 3}},
) + event("message_stop", {"type": "message_stop"})
MESSAGES_STREAM = b"".join([*MESSAGES, MESSAGES_LAST])

ENGINE_ERROR = data(
    {"error": {"message": "EngineCore died", "type": "InternalServerError", "param": None, "code": 500}}
)
