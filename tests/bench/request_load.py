"""A load of small requests over kept connections, on callbacks alone so that it costs little itself."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias, cast

_LAST_CHUNK = b"0\r\n\r\n"

GoesOn: TypeAlias = Callable[[int], bool]
"""Whether another request is to be sent, by how many have been."""


@dataclass(frozen=True, slots=True)
class Door:
    """Where chat requests go, and how."""

    port: int
    path: str = "/v1/chat/completions"
    token: str | None = None

    def request(self, body: bytes) -> bytes:
        """Return a whole request."""
        authorization = f"authorization: Bearer {self.token}\r\n" if self.token else ""
        head = (
            f"POST {self.path} HTTP/1.1\r\nhost: 127.0.0.1:{self.port}\r\n{authorization}"
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


@dataclass(slots=True)
class Tally:
    """What a load saw."""

    answers: int = 0
    frames: int = 0
    failures: list[str] = field(default_factory=list)
    latency_s: list[float] = field(default_factory=list)
    elapsed_s: float = 0.0


async def for_seconds(door: Door, body: bytes, *, clients: int, seconds: float) -> Tally:
    """Let each client send one request after the other for so long."""
    stop_at = time.perf_counter() + seconds
    return await _run(door, [body], clients=clients, goes_on=lambda _: time.perf_counter() < stop_at)


async def so_many(door: Door, bodies: Sequence[bytes], *, clients: int, requests: int) -> Tally:
    """Let the clients send so many requests in all, taking the bodies in turn."""
    return await _run(door, bodies, clients=clients, goes_on=lambda sent: sent < requests)


async def _run(door: Door, bodies: Sequence[bytes], *, clients: int, goes_on: GoesOn) -> Tally:
    tally = Tally()
    source = _Source([door.request(body) for body in bodies], goes_on)
    loop = asyncio.get_running_loop()
    started = time.perf_counter()
    protocols = [
        (await loop.create_connection(lambda: _Client(source, tally), "127.0.0.1", door.port))[1]
        for _ in range(clients)
    ]
    await asyncio.gather(*(protocol.finished for protocol in protocols))
    tally.elapsed_s = time.perf_counter() - started
    return tally


class _Source:
    """Hands out requests."""

    def __init__(self, requests: Sequence[bytes], goes_on: GoesOn) -> None:
        self._requests = requests
        self._goes_on = goes_on
        self._sent = 0

    def next(self) -> bytes | None:
        if not self._goes_on(self._sent):
            return None
        request = self._requests[self._sent % len(self._requests)]
        self._sent += 1
        return request


class _Client(asyncio.Protocol):
    """One connection with one request on its way at a time."""

    def __init__(self, source: _Source, tally: Tally) -> None:
        self._source = source
        self._tally = tally
        self._received = bytearray()
        self._wanted = -1
        self.finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        self._received += data
        if self._wanted < 0 and not self._read_head():
            return
        if self._is_complete():
            self._take()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.finished.done():
            self._tally.failures.append(f"the connection was closed: {exc}")
            self.finished.set_result(None)

    def _send(self) -> None:
        request = self._source.next()
        if request is None:
            self.finished.set_result(None)
            self._transport.close()
            return
        self._received.clear()
        self._wanted = -1
        self._sent_at = time.perf_counter()
        self._transport.write(request)

    def _read_head(self) -> bool:
        """Learn the whole answer's length where the head is there; 0 stands for chunks."""
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            return False
        head = bytes(self._received[:end]).lower()
        at = head.find(b"content-length:")
        self._wanted = 0 if at < 0 else end + 4 + int(head[at + 15 :].split(b"\r\n", 1)[0])
        return True

    def _is_complete(self) -> bool:
        if self._wanted > 0:
            return len(self._received) >= self._wanted
        return self._received.endswith(_LAST_CHUNK)

    def _take(self) -> None:
        tally = self._tally
        tally.answers += 1
        tally.latency_s.append(time.perf_counter() - self._sent_at)
        if not self._received.startswith(b"HTTP/1.1 200"):
            tally.failures.append(bytes(self._received[:400]).decode(errors="replace"))
        if self._wanted == 0:
            tally.frames += self._received.count(b"data: {")
        self._send()
