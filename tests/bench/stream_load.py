"""Many streams at once, each read on callbacks: how many broke, and how long their clients waited between frames."""

import asyncio
import time
from array import array
from dataclasses import dataclass, field
from typing import cast

from tests.bench.request_load import Door

_FRAME = b"data: {"
_END = b"data: [DONE]\n\n\r\n0\r\n\r\n"


@dataclass(slots=True)
class Streams:
    """What the clients of streams saw.

    Attributes:
        frames: Frames with content, over all streams.
        gaps_s: Seconds between two reads that brought frames.
        broken: Why streams ended before their end.
    """

    frames: int = 0
    gaps_s: "array[float]" = field(default_factory=lambda: array("d"))
    broken: list[str] = field(default_factory=list)

    def gap_s(self, share: float) -> float:
        """Return the gap that so large a share of all gaps stays within."""
        ordered = sorted(self.gaps_s)
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


async def side_by_side(door: Door, body: bytes, *, streams: int, begin_within_s: float) -> Streams:
    """Open streams, spread over a time, and read each to its end."""
    seen, loop = Streams(), asyncio.get_running_loop()
    request = door.request(body)
    readers = []
    for _ in range(streams):
        _, reader = await loop.create_connection(lambda: _Reader(request, seen), "127.0.0.1", door.port)
        readers.append(reader)
        await asyncio.sleep(begin_within_s / streams)
    await asyncio.gather(*(reader.finished for reader in readers))
    return seen


class _Reader(asyncio.Protocol):
    """One stream."""

    def __init__(self, request: bytes, seen: Streams) -> None:
        self._request = request
        self._seen = seen
        self._tail = b""
        self._last_at = 0.0
        self.finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        frames = data.count(_FRAME)
        if frames:
            now = time.perf_counter()
            if self._last_at:
                self._seen.gaps_s.append(now - self._last_at)
            self._last_at = now
            self._seen.frames += frames
        self._tail = (self._tail + data)[-200:]
        if self._tail.endswith(_END):
            self.finished.set_result(None)
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.finished.done():
            self._seen.broken.append(f"{exc}, after {self._tail.decode(errors='replace')!r}")
            self.finished.set_result(None)
