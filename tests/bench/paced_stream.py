"""An upstream whose every answer is a paced stream of chat chunks: `python -m ... PORT FRAMES SECONDS_BETWEEN_THEM`."""

import asyncio
import json
import sys
from typing import cast

import uvloop

_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n"
_HEALTHY = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _frame(document: object) -> bytes:
    return _chunk(b"data: " + json.dumps(document, separators=(",", ":")).encode() + b"\n\n")


def _delta(number: int) -> dict[str, object]:
    choice = {"index": 0, "delta": {"content": f" word{number}"}, "logprobs": None, "finish_reason": None}
    return {
        "id": "chatcmpl-8a6f0c1d",
        "object": "chat.completion.chunk",
        "created": 1_763_690_000,
        "model": "demo",
        "choices": [choice],
    }


class _Answer:
    """The frames of every answer, and the seconds between two of them."""

    def __init__(self, frames: int, pace_s: float) -> None:
        usage = {"prompt_tokens": 7, "completion_tokens": frames, "total_tokens": frames + 7}
        self.frames = [_frame(_delta(number)) for number in range(frames)]
        self.end = _frame(_delta(0) | {"choices": [], "usage": usage}) + _chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n"
        self.pace_s = pace_s


class _Stream(asyncio.Protocol):
    """One connection."""

    def __init__(self, answer: _Answer) -> None:
        self._answer = answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._unread = b""
        self._sent = 0

    def data_received(self, data: bytes) -> None:
        self._unread += data
        head, found, body = self._unread.partition(b"\r\n\r\n")
        if not found or len(body) < _length(head):
            return
        self._unread = b""
        if head.startswith(b"GET"):
            self._transport.write(_HEALTHY)
            return
        self._sent = 0
        self._transport.write(_HEAD)
        self._send_next()

    def _send_next(self) -> None:
        if self._transport.is_closing():
            return
        if self._sent == len(self._answer.frames):
            self._transport.write(self._answer.end)
            return
        self._transport.write(self._answer.frames[self._sent])
        self._sent += 1
        asyncio.get_running_loop().call_later(self._answer.pace_s, self._send_next)


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0


async def main(port: int, answer: _Answer) -> None:
    """Serve until ended."""
    server = await asyncio.get_running_loop().create_server(lambda: _Stream(answer), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), _Answer(int(sys.argv[2]), float(sys.argv[3]))))
