"""A load of parallel streams that costs little itself: raw sockets, frames counted without parsing them.

Each worker keeps one connection and sends its requests one after the other, so that the number of parallel streams is
constant while the load lasts.
"""

import asyncio
import json
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

_PREFIX = b"data: "
_LAST = b"data: [DONE]"
_USAGE = b'"completion_tokens":'
_LENGTH_STRIDE = 37  # has no factor in common with the lengths, so that all of them occur
_BUFFER_BYTES = 1 << 16


@dataclass(slots=True)
class _Connection:
    """A kept connection.

    Attributes:
        used: Whether it has brought an answer.
    """

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    used: bool = False


class _ClosedBetweenRequests(Exception):
    """The server gave a kept connection up before a request came, as it does when the machine has stood still."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a load goes."""

    url: str
    model: str
    token: str | None = None


@dataclass(slots=True)
class Sample:
    """What one round of a load saw.

    Attributes:
        reconnections: Requests sent again, over a new connection, because the kept one had been closed before them.
    """

    tokens: int = 0
    requests: int = 0
    failures: list[str] = field(default_factory=list)
    ttft_s: list[float] = field(default_factory=list)
    elapsed_s: float = 0.0
    reconnections: int = 0

    @property
    def tokens_per_second(self) -> float:
        """Tokens of finished streams over the time of the round."""
        return self.tokens / self.elapsed_s


async def run(target: Target, *, streams: int, requests: int, tokens: int, alone: bool = False) -> Sample:
    """Send `requests` streamed chat requests over `streams` parallel connections.

    Their answers are of half to one and a half times `tokens` tokens, the same for each target: answers of equal length
    end together, so that the next requests come together too, which no service sees.
    With `alone` the client insists on an event of its own for each token, which a bare engine gives anyway.
    """
    sample = Sample()
    queue = list(range(requests))
    started = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(streams):
            group.create_task(_worker(target, queue, tokens, sample, alone=alone))
    sample.elapsed_s = time.perf_counter() - started
    return sample


async def _worker(target: Target, queue: list[int], tokens: int, sample: Sample, *, alone: bool) -> None:
    connection = await _connect(target)
    try:
        while queue:
            request = _request(target, queue.pop(), tokens, alone=alone)
            try:
                await _stream(connection, request, sample)
            except _ClosedBetweenRequests:
                sample.reconnections += 1
                connection.writer.close()
                connection = await _connect(target)
                await _stream(connection, request, sample)
    finally:
        connection.writer.close()
        await connection.writer.wait_closed()


async def _connect(target: Target) -> _Connection:
    address = urlsplit(target.url)
    return _Connection(*await asyncio.open_connection(address.hostname, address.port, limit=_BUFFER_BYTES))


def _request(target: Target, number: int, tokens: int, *, alone: bool) -> bytes:
    body = json.dumps(
        {
            "model": target.model,
            # Different prompts, and no fixed seed or temperature 0: no arm may answer from a cache of responses.
            "messages": [{"role": "user", "content": f"Question {number}: what is a gateway?"}],
            "max_tokens": _length(number, tokens),
            "ignore_eos": True,
            "temperature": 0.7,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        | ({"stream_interval": 1} if alone else {})
    ).encode()
    authorization = f"Authorization: Bearer {target.token}\r\n" if target.token else ""
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: {urlsplit(target.url).netloc}\r\n{authorization}"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _length(number: int, mean: int) -> int:
    """Return how many tokens a request's answer gets."""
    return mean // 2 + number * _LENGTH_STRIDE % (mean + 1)


async def _stream(connection: _Connection, request: bytes, sample: Sample) -> None:
    sent = time.perf_counter()
    connection.writer.write(request)
    head = await _head(connection)
    if not head.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(
            f"{head.decode(errors='replace')}{(await connection.reader.read(2000)).decode(errors='replace')}"
        )
    first: float | None = None
    received = bytearray()
    while not received.endswith(b"0\r\n\r\n"):
        chunk = await connection.reader.read(_BUFFER_BYTES)
        if not chunk:
            raise ConnectionError("the stream was cut")
        if first is None and _PREFIX in chunk:
            first = time.perf_counter()
        received += chunk
    connection.used = True
    sample.requests += 1
    if _LAST not in received or first is None:
        sample.failures.append(bytes(received[-300:]).decode(errors="replace"))
        return
    sample.ttft_s.append(first - sent)
    sample.tokens += _completion_tokens(received)


async def _head(connection: _Connection) -> bytes:
    try:
        return await connection.reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionResetError) as error:
        if not connection.used or (isinstance(error, asyncio.IncompleteReadError) and error.partial):
            raise ConnectionError("the connection broke off before the answer began") from error
        raise _ClosedBetweenRequests from error


def _completion_tokens(received: bytearray) -> int:
    at = received.rindex(_USAGE) + len(_USAGE)
    return int(received[at : at + 12].split(b",")[0].split(b"}")[0])
