"""A scripted upstream: reads real HTTP requests from real sockets and answers as a test says."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, TypeAlias

USAGE = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}


@dataclass(frozen=True, slots=True)
class Seen:
    """A request that arrived at the upstream."""

    path: str
    headers: dict[str, str]
    body: bytes
    connection: int

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Line:
    """One connection from the gateway."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def json(self, document: Any, status: int = 200, *, headers: str = "") -> None:
        await self.answer(status, "application/json", json.dumps(document).encode(), headers=headers)

    async def answer(self, status: int, content_type: str, body: bytes, *, headers: str = "") -> None:
        """Answer in one piece."""
        head = (
            f"HTTP/1.1 {status} Status\r\ncontent-type: {content_type}\r\ncontent-length: {len(body)}\r\n{headers}\r\n"
        )
        await self.send(head.encode() + body)

    async def begin_stream(self) -> None:
        await self.send(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n"
        )

    async def piece(self, data: bytes) -> None:
        await self.send(b"%x\r\n%b\r\n" % (len(data), data))

    async def end_stream(self) -> None:
        await self.send(b"0\r\n\r\n")

    async def stream(self, pieces: Iterable[bytes]) -> None:
        """Answer with a whole stream."""
        await self.begin_stream()
        for piece in pieces:
            await self.piece(piece)
        await self.end_stream()

    async def left(self) -> None:
        """Wait until the gateway closes the connection."""
        with suppress(ConnectionError):
            while await self._reader.read(65536):
                pass

    def close(self) -> None:
        self._writer.close()

    def reset(self) -> None:
        self._writer.transport.abort()

    async def request(self, number: int) -> Seen | None:
        """Read the next request; None where the gateway closed the connection."""
        try:
            head = await self._reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        line, *rest = head.decode("latin-1").split("\r\n")
        headers = dict(header.split(": ", 1) for header in rest if header)
        body = await self._reader.readexactly(int(headers.get("content-length", "0")))
        return Seen(line.split(" ")[1], headers, body, number)


Script: TypeAlias = Callable[[Seen, Line], Awaitable[None]]


@dataclass
class Upstream:
    """Where the gateway's requests arrive.

    Attributes:
        script: Answers each request.
        seen: Every request, in order.
        connections: How many connections the gateway has made.
    """

    script: Script
    port: int = 0
    seen: list[Seen] = field(default_factory=list)
    connections: int = 0
    writers: set[asyncio.StreamWriter] = field(default_factory=set)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    async def has_at_most(self, count: int) -> None:
        """Wait until no more than so many connections are open."""
        async with asyncio.timeout(5):
            while len(self.writers) > count:
                self.closed.clear()
                await self.closed.wait()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.add(writer)
        number, line = self.connections, Line(reader, writer)
        try:
            while (seen := await line.request(number)) is not None:
                self.seen.append(seen)
                self.arrived.set()
                await self.script(seen, line)
                if writer.is_closing():
                    return
        except ConnectionError:
            return  # the gateway left while the script was answering
        finally:
            self.writers.discard(writer)
            self.closed.set()
            writer.close()


async def whole_answer(seen: Seen, line: Line) -> None:
    """Answer everything as vLLM answers a chat in one piece."""
    await line.json(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "model": seen.json.get("model"),
            "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}],
            "usage": USAGE,
        }
    )


@asynccontextmanager
async def running_upstream(script: Script = whole_answer) -> AsyncIterator[Upstream]:
    """Run an upstream on a free port."""
    upstream = Upstream(script)
    server = await asyncio.start_server(upstream.serve, "127.0.0.1", 0)
    upstream.port = server.sockets[0].getsockname()[1]
    try:
        yield upstream
    finally:
        server.close()
        for writer in list(upstream.writers):
            writer.transport.abort()
        await asyncio.sleep(0)
