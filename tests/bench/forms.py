"""What does it cost that a form is complete before it goes on? `python -m tests.bench.forms`.

A form of 25 MiB is sent in turn to an upstream itself and through a gateway, as fast as it goes and on a slow line. Two
figures tell: how long after the client's last byte the upstream has the last one, and for how long the upstream has a
request under way that it cannot begin with.
"""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import uvloop

from tests.gateway.support.forms import FORM, audio_form
from tests.gateway.support.gateway import fresh_token, models_of_all_tasks, running_gateway
from tests.gateway.support.wire import connected
from tests.support.valkey import valkey_on

FILE_BYTES = 25 * 2**20
ROUNDS = 5
PIECE_BYTES = 64 * 1024
LINES = {"as fast as it goes": 0.0, "over a line of 5 MiB/s": PIECE_BYTES / (5 * 2**20)}
"""Seconds between two pieces."""


@dataclass(slots=True)
class Listener:
    """An upstream that only listens.

    Attributes:
        begun_at: When the last request's head was there.
        heard_at: When the whole of it was.
    """

    port: int = 0
    begun_at: float = 0.0
    heard_at: float = 0.0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
                self.begun_at = time.perf_counter()
                length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
                await reader.readexactly(length)
                self.heard_at = time.perf_counter()
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}")
        except asyncio.IncompleteReadError:
            writer.close()


@asynccontextmanager
async def listening() -> AsyncIterator[Listener]:
    """Run such an upstream."""
    listener = Listener()
    server = await asyncio.start_server(listener.serve, "127.0.0.1", 0, limit=2**20)
    listener.port = server.sockets[0].getsockname()[1]
    try:
        yield listener
    finally:
        server.close()


async def upload(port: int, path: str, body: bytes, pause_s: float, listener: Listener) -> tuple[float, float]:
    """Send a form; return the seconds that it came later than it was sent, and those that it kept the upstream."""
    async with connected(port) as wire:
        headers = "".join(f"{name}: {value}\r\n" for name, value in FORM.items())
        credentials = f"Authorization: Bearer {fresh_token()}\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
        await wire.send(f"POST {path} HTTP/1.1\r\n{headers}{credentials}\r\n".encode())
        due_at = time.perf_counter()
        for start in range(0, len(body), PIECE_BYTES):
            await wire.send(body[start : start + PIECE_BYTES])
            due_at += pause_s
            await asyncio.sleep(max(due_at - time.perf_counter(), 0))
        sent_at = time.perf_counter()
        answer = await wire.answer()
        if answer.status != 200:
            raise AssertionError(answer)
    return listener.heard_at - sent_at, listener.heard_at - listener.begun_at


async def main() -> None:
    """Print a line for each way and line."""
    body = audio_form(file=bytes(FILE_BYTES))
    with tempfile.TemporaryDirectory(prefix="fl-") as name:
        folder, socket = Path(name), Path(name) / "valkey.sock"
        with valkey_on(socket):
            async with listening() as listener:
                routes = models_of_all_tasks(folder, listener.port)
                async with running_gateway(folder, socket, listener.port, routes_file=routes) as gateway:
                    for told, pause_s in LINES.items():
                        ports = {"itself": listener.port, "through the gateway": gateway.port}
                        seen: dict[str, list[tuple[float, float]]] = {way: [] for way in ports}
                        for _ in range(ROUNDS):
                            for way, port in ports.items():
                                path = "/v1/audio/transcriptions"
                                seen[way].append(await upload(port, path, body, pause_s, listener))
                        for way, times in seen.items():
                            later_s, kept_s = (median(each) for each in zip(*times, strict=True))
                            print(f"{told}, {way}: {later_s * 1000:.0f} ms later, upstream kept {kept_s * 1000:.0f} ms")


if __name__ == "__main__":
    uvloop.run(main())
