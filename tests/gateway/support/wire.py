"""A client that says exactly what a test tells it to, byte by byte."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import msgspec

PATIENCE_S = 10.0


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)


class Wire:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def post(self, path: str, body: bytes, *, token: str = "", headers: Mapping[str, str] | None = None) -> None:
        """Send a well-formed request."""
        lines = {
            "Host": "localhost",
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            **({"Authorization": f"Bearer {token}"} if token else {}),
            **(headers or {}),
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        await self.send(f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + body)

    async def head(self) -> tuple[int, dict[str, str]]:
        """Read an answer's head."""
        async with asyncio.timeout(PATIENCE_S):
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        line, *rest = head.split("\r\n")
        return int(line.split(" ")[1]), dict(header.split(": ", 1) for header in rest if header)

    async def answer(self) -> Answer:
        """Read a whole answer."""
        status, headers = await self.head()
        if headers.get("transfer-encoding") == "chunked":
            pieces = [piece async for piece in self.pieces()]
            return Answer(status, headers, b"".join(pieces))
        async with asyncio.timeout(PATIENCE_S):
            return Answer(status, headers, await self._reader.readexactly(int(headers.get("content-length", "0"))))

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield the chunks of a body, to its proper end.

        Raises:
            asyncio.IncompleteReadError: The connection ended before the body did.
        """
        while True:
            async with asyncio.timeout(PATIENCE_S):
                size = int(await self._reader.readuntil(b"\r\n"), 16)
                piece = await self._reader.readexactly(size + 2)
            if size == 0:
                return
            yield piece[:-2]

    async def rest(self) -> bytes:
        """Read until the other side closes; a reset ends it too."""
        received = b""
        async with asyncio.timeout(PATIENCE_S):
            try:
                while data := await self._reader.read(65536):
                    received += data
            except ConnectionError:
                pass
        return received

    def close(self) -> None:
        self._writer.close()

    def reset(self) -> None:
        self._writer.transport.abort()


@asynccontextmanager
async def connected(port: int, *, buffered: int = 2**24) -> AsyncIterator[Wire]:
    """Connect to a local port; about `buffered` bytes are read ahead of whoever reads."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=buffered)
    wire = Wire(reader, writer)
    try:
        yield wire
    finally:
        wire.close()
