"""The benchmark's load, against small servers."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import pytest

from tests.bench.load import Target, run

Serve: TypeAlias = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]]

HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
STREAM = b'data: {"usage":{"completion_tokens":7}}\n\ndata: [DONE]\n\n'


@asynccontextmanager
async def server(serve: Serve) -> AsyncIterator[Target]:
    """Run a server that treats each connection so."""
    async with await asyncio.start_server(serve, "127.0.0.1", 0) as running:
        yield Target(f"http://127.0.0.1:{running.sockets[0].getsockname()[1]}", "demo")


async def take(reader: asyncio.StreamReader) -> None:
    """Read a request."""
    head = await reader.readuntil(b"\r\n\r\n")
    await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0]))


async def test_closed_between_requests() -> None:
    """A connection that the server closes between two requests is made anew, and told; no request is lost."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await take(reader)
        writer.write(HEAD + b"%x\r\n%b\r\n0\r\n\r\n" % (len(STREAM), STREAM))
        await writer.drain()
        writer.close()

    async with server(serve) as target:
        sample = await run(target, streams=1, requests=3, tokens=8)

    assert (sample.requests, sample.tokens, sample.reconnections, sample.failures) == (3, 21, 2, [])


@pytest.mark.parametrize("begun", [b"", b"HTTP/1.1 2"], ids=["nothing", "half a head"])
async def test_closed_instead_of_an_answer(begun: bytes) -> None:
    """A new connection that is closed before an answer is a failure of what is measured."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await take(reader)
        writer.write(begun)
        writer.close()

    async with server(serve) as target:
        with pytest.raises(ExceptionGroup) as caught:
            await run(target, streams=1, requests=1, tokens=8)

    assert caught.group_contains(ConnectionError, match="before the answer")


async def test_cut_in_the_middle() -> None:
    """A stream that is cut ends the load with an error: it is a failure of what is measured."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await take(reader)
        writer.write(HEAD + b"10\r\ndata: {")
        await writer.drain()
        writer.close()

    async with server(serve) as target:
        with pytest.raises(ExceptionGroup) as caught:
            await run(target, streams=1, requests=1, tokens=8)

    assert caught.group_contains(ConnectionError, match="cut")
