"""Clients that are slow, many, or gone; and the end of the gateway itself."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from fairlead_gateway.edge import EdgeLimits
from tests.gateway.support.frames import CHAT, CHAT_STREAM, CHAT_USAGE, DONE, MESSAGES, chat_chunk
from tests.gateway.support.gateway import Gateway, chat, running_gateway
from tests.gateway.support.upstream import Line, Seen, Upstream
from tests.gateway.support.wire import Wire

HEALTH = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
STREAM = json.dumps(chat(stream=True)).encode()
CHAT_PATH = "/v1/chat/completions"


class Stalling:
    """An upstream's script that begins a stream and goes on when told to."""

    def __init__(self, *begun: bytes) -> None:
        self.begun = begun or tuple(CHAT[:2])
        self.go_on = asyncio.Event()
        self.left = asyncio.Event()
        self.rest: tuple[bytes, ...] = (*CHAT[2:], CHAT_USAGE, DONE)

    async def __call__(self, seen: Seen, line: Line) -> None:
        await line.begin_stream()
        for piece in self.begun:
            await line.piece(piece)
        going_on = asyncio.ensure_future(self.go_on.wait())
        leaving = asyncio.ensure_future(line.left())
        await asyncio.wait({going_on, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if leaving.done():
            self.left.set()
            going_on.cancel()
            return
        for piece in self.rest:
            await line.piece(piece)
        await line.end_stream()
        await leaving


@pytest.fixture
async def impatient(tmp_path: Path, valkey: Path, redis: Redis, upstream: Upstream) -> AsyncIterator[Gateway]:
    """A gateway that waits for nothing longer than a moment."""
    moments = {
        "head_timeout_s": 0.3,
        "body_idle_s": 0.3,
        "body_total_s": 0.8,
        "keep_alive_s": 0.3,
        "write_stall_s": 0.6,
        "connections": 5,
        "connections_per_peer": 4,
        "longest_stream_s": 1.0,
    }
    async with running_gateway(tmp_path, valkey, upstream.port, **moments) as gateway:
        yield gateway


async def begin(wire: Wire, gateway: Gateway, body: bytes = STREAM, path: str = CHAT_PATH) -> bytes:
    """Ask for a stream and read its first piece."""
    await wire.post(path, body, token=gateway.token())
    status, _ = await wire.head()
    assert status == 200
    return await anext(wire.pieces())


def test_only_what_is_posted_may_be_larger() -> None:
    """Another method on a path for files has no more room than on any other, for nobody has asked who it is."""
    limits = EdgeLimits(body_bytes=1, body_bytes_on={"/files": 9})
    assert [limits.largest_body(method, "/files") for method in ("POST", "PUT", "GET")] == [9, 1, 1]


async def test_silence_is_closed(impatient: Gateway) -> None:
    """A connection on which nothing comes is closed without a word."""
    async with impatient.wire() as wire:
        assert await wire.rest() == b""


async def test_a_dribbled_head_times_out(impatient: Gateway) -> None:
    """A head that is not complete in time is answered 408, however often a byte comes."""
    async with impatient.wire() as wire:
        answer = asyncio.ensure_future(wire.answer())
        for byte in HEALTH:
            if answer.done():
                break
            await wire.send(bytes([byte]))
            await asyncio.wait({answer}, timeout=0.1)
        assert (await answer).status == 408


async def test_an_idle_connection_is_closed(impatient: Gateway) -> None:
    """A connection that rests after its answer is closed."""
    async with impatient.wire() as wire:
        await wire.send(HEALTH)
        assert (await wire.answer()).status == 200
        assert await wire.rest() == b""


@pytest.mark.parametrize("dribbles", [False, True])
async def test_an_unfinished_body_times_out(impatient: Gateway, dribbles: bool) -> None:
    """A body that stops coming, or comes for ever, is answered 408 and the connection ends."""
    async with impatient.wire() as wire:
        await wire.post(CHAT_PATH, b"{", token=impatient.token(), headers={"Content-Length": "1000"})
        answer = asyncio.ensure_future(wire.answer())
        while dribbles and not answer.done():
            await wire.send(b" ")
            await asyncio.wait({answer}, timeout=0.1)
        told = await answer
        assert (told.status, told.headers["connection"]) == (408, "close")
        assert told.json["error"]["code"] == "request_timeout"


async def test_too_many_connections_of_one_address(impatient: Gateway) -> None:
    """Connections beyond the number that one address may have are answered 503 and closed."""
    async with AsyncExitStack() as stack:
        wires = [await stack.enter_async_context(impatient.wire()) for _ in range(4)]
        for wire in wires:
            await wire.send(HEALTH)
            assert (await wire.answer()).status == 200
        extra = await stack.enter_async_context(impatient.wire())
        told = await extra.answer()
        assert told.status == 503
        assert told.headers["retry-after"]
        assert await extra.rest() == b""


async def test_a_slow_reader_stops_the_upstream(gateway: Gateway, upstream: Upstream) -> None:
    """While a client does not read, the gateway reads no more than a bounded amount from the model."""
    frame = chat_chunk("x" * 60_000)
    sent = 0

    async def floods(seen: Seen, line: Line) -> None:
        nonlocal sent
        await line.begin_stream()
        for _ in range(500):
            await line.piece(frame)
            sent += 1
        await line.piece(DONE)
        await line.end_stream()

    upstream.script = floods
    async with gateway.wire(buffered=2**16) as wire:
        first = await begin(wire, gateway)
        seen_before, steady = -1, 0
        while steady < 5:
            steady = steady + 1 if sent == seen_before else 0
            seen_before = sent
            await asyncio.sleep(0.05)
        assert sent < 400
        received = first + b"".join([piece async for piece in wire.pieces()])
    assert received == frame * 500 + DONE


async def test_a_client_that_reads_nothing_is_dropped(impatient: Gateway, upstream: Upstream) -> None:
    """A client that reads nothing for too long is cut off, and the model's work is stopped."""
    stopped = asyncio.Event()

    async def floods(seen: Seen, line: Line) -> None:
        try:
            await line.begin_stream()
            while True:
                await line.piece(chat_chunk("x" * 60_000))
        except ConnectionError:
            stopped.set()

    upstream.script = floods
    body = json.dumps(chat(stream=True)).encode()
    _, writer = await asyncio.open_connection("127.0.0.1", impatient.port, limit=1024)
    head = f"POST {CHAT_PATH} HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
    credentials = f"Authorization: Bearer {impatient.token()}\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write((head + credentials).encode() + body)
    await asyncio.wait_for(stopped.wait(), 10)
    writer.close()


async def test_a_client_that_reads_slowly_is_served(impatient: Gateway, upstream: Upstream) -> None:
    """A client that reads, however slowly, keeps its stream."""
    frame = chat_chunk("x" * 200_000)
    upstream.script = lambda _seen, line: line.stream([*[frame] * 40, DONE])
    async with impatient.wire(buffered=2**16) as wire:
        received = await begin(wire, impatient)
        async for piece in wire.pieces():
            received += piece
            await asyncio.sleep(0.05)
    assert received == frame * 40 + DONE


@pytest.mark.parametrize("leaves", ["close", "reset"])
async def test_a_client_that_leaves_stops_the_model(gateway: Gateway, upstream: Upstream, leaves: str) -> None:
    """Within a second after a client has left, the model's connection is closed, so that the engine stops."""
    stalling = upstream.script = Stalling()
    async with gateway.wire() as wire:
        await begin(wire, gateway)
        getattr(wire, leaves)()
        await asyncio.wait_for(stalling.left.wait(), 1)


async def test_a_client_that_leaves_before_the_first_byte_stops_the_model(gateway: Gateway, upstream: Upstream) -> None:
    """It makes no difference whether the answer had begun."""
    left = asyncio.Event()

    async def never_answers(seen: Seen, line: Line) -> None:
        await line.left()
        left.set()

    upstream.script = never_answers
    async with gateway.wire() as wire:
        await wire.post(CHAT_PATH, STREAM, token=gateway.token())
        await asyncio.wait_for(upstream.arrived.wait(), 5)
        wire.close()
        await asyncio.wait_for(left.wait(), 1)


async def test_drain_lets_streams_finish(gateway: Gateway, upstream: Upstream) -> None:
    """While the gateway drains, a stream under way goes on to its end, and new connections are refused."""
    stalling = upstream.script = Stalling()
    async with gateway.wire() as busy, gateway.wire() as idle:
        received = await begin(busy, gateway)
        await idle.send(HEALTH)
        assert (await idle.answer()).status == 200
        draining = asyncio.ensure_future(gateway.runtime.drain())
        assert await idle.rest() == b""
        with pytest.raises(OSError, match=r"refused|Connect call failed"):
            await asyncio.open_connection("127.0.0.1", gateway.port)
        stalling.go_on.set()
        received += b"".join([piece async for piece in busy.pieces()])
        assert received.endswith(DONE)
        assert await busy.rest() == b""
        await asyncio.wait_for(draining, 5)


async def test_drain_lets_finish_what_comes_on_a_connection_that_was_not_told(
    gateway: Gateway, upstream: Upstream
) -> None:
    """A client whose stream began before the drain may send another request after it, which is answered whole too."""
    long, late, go_on = Stalling(), Stalling(), asyncio.Event()

    async def short(seen: Seen, line: Line) -> None:
        await line.begin_stream()
        await line.piece(CHAT[0])
        await go_on.wait()
        await line.piece(DONE)
        await line.end_stream()

    async with gateway.wire() as busy, gateway.wire() as untold:
        upstream.script = long
        await begin(busy, gateway)
        upstream.script = short
        await begin(untold, gateway)
        draining = asyncio.ensure_future(gateway.runtime.drain())
        await asyncio.wait_for(gateway.runtime.draining.wait(), 5)
        go_on.set()
        assert b"".join([piece async for piece in untold.pieces()]).endswith(DONE)

        upstream.script = late
        await begin(untold, gateway)
        long.go_on.set()
        assert (await busy.rest()).endswith(b"0\r\n\r\n")
        late.go_on.set()
        assert b"".join([piece async for piece in untold.pieces()]).endswith(DONE)
        await asyncio.wait_for(draining, 5)


async def test_drain_tells_readiness_first(tmp_path: Path, valkey: Path, redis: Redis, upstream: Upstream) -> None:
    """Before it accepts no more, a draining gateway is not ready, goes on serving, and ends connections by replies."""
    async with running_gateway(tmp_path, valkey, upstream.port, drain_notice_s=0.5) as gateway:
        draining = asyncio.ensure_future(gateway.runtime.drain())
        await asyncio.wait_for(gateway.runtime.draining.wait(), 1)
        async with gateway.wire() as wire:
            await wire.send(HEALTH.replace(b"/health", b"/ready"))
            answer = await wire.answer()
            assert (answer.status, answer.headers["connection"]) == (503, "close")
        assert (await gateway.ask(CHAT_PATH, chat())).status == 200
        await draining


@pytest.mark.parametrize(
    "path, begun, told",
    [
        (CHAT_PATH, CHAT[0], b'data: {"error"'),
        ("/v1/messages", MESSAGES[0], b"event: error\n"),
    ],
)
async def test_drain_ends_what_takes_too_long(
    impatient: Gateway, upstream: Upstream, path: str, begun: bytes, told: bytes
) -> None:
    """A stream that is still under way when the drain's time is over ends with an error event."""
    stalling = upstream.script = Stalling(begun)
    body = json.dumps(chat(stream=True, max_tokens=5)).encode()
    async with impatient.wire() as wire:
        assert await begin(wire, impatient, body, path) == begun
        await asyncio.wait_for(impatient.runtime.drain(), 5)
        rest = b"".join([piece async for piece in wire.pieces()])
        assert rest.startswith(told)
        assert b"shutting down" in rest
        assert b"[DONE]" not in rest
    assert stalling.left.is_set()


async def test_answers_after_drain_close_the_connection(gateway: Gateway, upstream: Upstream) -> None:
    """An answer that begins while the gateway drains says that its connection ends."""
    ready, go_on = asyncio.Event(), asyncio.Event()

    async def waits(seen: Seen, line: Line) -> None:
        ready.set()
        await go_on.wait()
        await line.json({"choices": []})

    upstream.script = waits
    async with gateway.wire() as wire:
        await wire.post(CHAT_PATH, json.dumps(chat()).encode(), token=gateway.token())
        await asyncio.wait_for(ready.wait(), 5)
        draining = asyncio.ensure_future(gateway.runtime.drain())
        await asyncio.sleep(0)
        go_on.set()
        answer = await wire.answer()
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        await asyncio.wait_for(draining, 5)


async def test_a_connection_carries_many_requests(gateway: Gateway, upstream: Upstream) -> None:
    """Streams, whole answers, errors and other routes follow one another on one connection, upstream and down."""

    async def script(seen: Seen, line: Line) -> None:
        if seen.json.get("stream"):
            await line.stream([CHAT_STREAM])
        else:
            await line.json({"choices": []})

    upstream.script = script
    async with gateway.wire() as wire:
        for _ in range(3):
            await wire.post(CHAT_PATH, STREAM, token=gateway.token())
            assert (await wire.answer()).body.endswith(DONE)
            await wire.post(CHAT_PATH, json.dumps(chat()).encode(), token=gateway.token())
            assert (await wire.answer()).json == {"choices": []}
            await wire.post(CHAT_PATH, b"{", token=gateway.token())
            assert (await wire.answer()).status == 400
            await wire.send(HEALTH)
            assert (await wire.answer()).status == 200
    assert upstream.connections == 1


async def test_many_at_once(gateway: Gateway, upstream: Upstream) -> None:
    """Streams at the same time do not get into each other."""

    async def own_words(seen: Seen, line: Line) -> None:
        word = seen.json["messages"][0]["content"]
        await line.begin_stream()
        for number in range(20):
            await line.piece(chat_chunk(f"{word}-{number}"))
        await line.piece(DONE)
        await line.end_stream()

    upstream.script = own_words

    async def one(word: str) -> None:
        document: dict[str, Any] = chat(stream=True, messages=[{"role": "user", "content": word}])
        answer = await gateway.ask(CHAT_PATH, document)
        assert set(re.findall(rb"word\d+", answer.body)) == {word.encode()}
        assert answer.body.count(b"\n\n") == 21

    await asyncio.gather(*(one(f"word{number}") for number in range(50)))
