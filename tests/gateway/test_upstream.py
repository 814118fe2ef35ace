"""The gateway's connections to upstreams: kept, retried at most once, bounded in time."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from fairlead_contract.errors import FairleadError, Unavailable, UpstreamFailed, UpstreamTimeout
from fairlead_gateway.deadlines import Deadlines
from fairlead_gateway.headers import Headers
from fairlead_gateway.retry_budget import Resend, RetryRules
from fairlead_gateway.upstream import Address, UpstreamPool
from fairlead_gateway.upstream_connection import Flow, Patience
from tests.gateway.support.haproxy import running_haproxy
from tests.gateway.support.upstream import Line, Seen, Upstream
from tests.support.ports import free_port

REQUEST = b"POST /x HTTP/1.1\r\nhost: h\r\ncontent-length: 2\r\n\r\n{}"
PATIENT = Patience(first_byte_s=10, idle_s=10, total_s=10)
SOON_S = 0.3


class Collected:
    """A sink that collects an answer."""

    def __init__(self) -> None:
        self.status = 0
        self.body = b""
        self.reads = 0
        self.complete = False
        self.begun = asyncio.Event()
        self.flow: Flow | None = None

    def attached(self, flow: Flow) -> None:
        self.flow = flow

    def head(self, status: int, headers: Headers) -> None:
        self.status = status

    def data(self, data: bytes) -> None:
        self.body += data
        self.reads += 1
        self.begun.set()

    def end(self) -> None:
        self.complete = True


class Pool:
    """A pool and the number of its retries."""

    def __init__(self, *, idle_s: float = SOON_S) -> None:
        self.retries: list[str] = []
        self.deadlines = Deadlines(asyncio.get_running_loop(), interval_s=0.02)
        self.pool = UpstreamPool(
            self.deadlines, connect_timeout_s=SOON_S, idle_s=idle_s, max_idle=2, on_retry=self.retries.append
        )

    def close(self) -> None:
        self.pool.close()
        self.deadlines.close()

    async def ask(self, upstream: Upstream, patience: Patience = PATIENT) -> Collected:
        return await self.ask_path(upstream.port, "/x", patience)

    async def ask_path(self, port: int, path: str, patience: Patience = PATIENT) -> Collected:
        sink = Collected()
        request = REQUEST.replace(b"/x", path.encode())
        await self.pool.exchange(Address("127.0.0.1", port), (request,), sink, patience, model="demo", resend=Resend())
        return sink


@pytest.fixture
async def pool() -> AsyncIterator[Pool]:
    pool = Pool()
    yield pool
    pool.close()


async def test_keeps_connections(pool: Pool, upstream: Upstream) -> None:
    """Requests that follow one another share a connection; those at the same time do not."""
    for _ in range(3):
        assert (await pool.ask(upstream)).complete
    assert upstream.connections == 1
    await asyncio.gather(pool.ask(upstream), pool.ask(upstream))
    assert upstream.connections == 2


async def test_uses_the_latest_connection_first(pool: Pool, upstream: Upstream) -> None:
    """The connection that was used last is used next, so that the others may rest and close."""
    await asyncio.gather(pool.ask(upstream), pool.ask(upstream))
    latest = upstream.seen[-1].connection
    for _ in range(3):
        await pool.ask(upstream)
    assert len({seen.connection for seen in upstream.seen[2:]}) == 1
    assert latest in {1, 2}


async def test_keeps_no_more_than_it_should(pool: Pool, upstream: Upstream) -> None:
    """Connections beyond the number to keep are closed."""
    await asyncio.gather(*(pool.ask(upstream) for _ in range(5)))
    await upstream.has_at_most(2)


async def test_closes_a_connection_that_rests_too_long(pool: Pool, upstream: Upstream) -> None:
    """An unused connection is closed after a while, and the next request makes a new one."""
    await pool.ask(upstream)
    await upstream.has_at_most(0)
    assert (await pool.ask(upstream)).complete
    assert (upstream.connections, pool.retries) == (2, [])


async def test_sends_again_where_a_kept_connection_was_dead(pool: Pool, upstream: Upstream) -> None:
    """A request whose old connection is closed without an answer is sent again, once, on a new one."""

    async def closes_old_connections(seen: Seen, line: Line) -> None:
        if len(upstream.seen) == 2:
            line.reset()
        else:
            await line.json({})

    upstream.script = closes_old_connections
    await pool.ask(upstream)
    assert (await pool.ask(upstream)).complete
    assert (len(upstream.seen), pool.retries) == (3, ["demo"])


@pytest.mark.parametrize("ending", ["close", "reset"])
async def test_does_not_send_again_on_a_new_connection(pool: Pool, upstream: Upstream, ending: str) -> None:
    """A request that was lost on a new connection may have been worked on, so it is not sent again."""

    async def closes(seen: Seen, line: Line) -> None:
        getattr(line, ending)()

    upstream.script = closes
    with pytest.raises(UpstreamFailed):
        await pool.ask(upstream)
    assert (len(upstream.seen), pool.retries) == (1, [])


async def test_nobody_behind_a_dead_connection_leaves_the_resend(pool: Pool) -> None:
    """Where a request cannot be sent again, for nobody listens any more, it may still be later."""
    resend = Resend()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = Line(reader, writer)
        await line.request(1)
        await line.json({})
        await line.request(1)
        server.close()
        line.reset()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    address = Address("127.0.0.1", server.sockets[0].getsockname()[1])
    await pool.ask_path(address.port, "/x")
    with pytest.raises(Unavailable):
        await pool.pool.exchange(address, (REQUEST,), Collected(), PATIENT, model="demo", resend=resend)
    assert resend.left


async def test_sends_again_only_once(pool: Pool, upstream: Upstream) -> None:
    """Where the second attempt fails too, the request fails."""

    async def answers_once(seen: Seen, line: Line) -> None:
        if len(upstream.seen) == 1:
            await line.json({})
        else:
            line.reset()

    upstream.script = answers_once
    await pool.ask(upstream)
    with pytest.raises(UpstreamFailed):
        await pool.ask(upstream)
    assert (len(upstream.seen), pool.retries) == (3, ["demo"])


@pytest.mark.parametrize("sent", [b"H", b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n", b"HTTP/1.1 200 OK\r\n"])
async def test_does_not_send_again_after_the_first_byte(pool: Pool, upstream: Upstream, sent: bytes) -> None:
    """Once a byte of an answer has come, a request is never sent again."""

    async def breaks_off(seen: Seen, line: Line) -> None:
        if len(upstream.seen) == 1:
            await line.json({})
        else:
            await line.send(sent)
            line.close()

    upstream.script = breaks_off
    await pool.ask(upstream)
    with pytest.raises(UpstreamFailed, match="middle"):
        await pool.ask(upstream)
    assert (len(upstream.seen), pool.retries) == (2, [])


async def test_a_refused_connection_is_tried_twice(pool: Pool) -> None:
    """Where nothing listens, the client learns that the model is unavailable, after one retry."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        upstream = Upstream(lambda _seen, line: line.json({}), port=taken.getsockname()[1])
        with pytest.raises(Unavailable) as caught:
            await pool.ask(upstream)
    assert caught.value.retry_after_s
    assert pool.retries == ["demo"]


async def test_a_listener_that_accepts_nothing_is_given_up(pool: Pool) -> None:
    """A connection that is not made in time is given up."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        full = []
        for _ in range(4):  # the queue of a listener that accepts nothing fills up
            client = socket.socket()
            client.setblocking(False)
            with suppress(BlockingIOError):
                client.connect(address)
            full.append(client)
        with pytest.raises(UpstreamTimeout):
            await pool.ask(Upstream(lambda _seen, line: line.json({}), port=address[1]))
        for client in full:
            client.close()


@pytest.mark.parametrize(
    "patience, begun",
    [
        (Patience(first_byte_s=SOON_S, idle_s=10, total_s=10), False),
        (Patience(first_byte_s=10, idle_s=SOON_S, total_s=10), True),
        (Patience(first_byte_s=10, idle_s=10, total_s=SOON_S), True),
    ],
)
async def test_patience_ends(pool: Pool, upstream: Upstream, patience: Patience, begun: bool) -> None:
    """Too long without a first byte, between two reads, or in all: the upstream is left and the client told."""

    async def stalls(seen: Seen, line: Line) -> None:
        if begun:
            await line.begin_stream()
        await line.left()

    upstream.script = stalls
    with pytest.raises(UpstreamTimeout):
        await pool.ask(upstream, patience)
    await upstream.has_at_most(0)


async def test_an_abandoned_answer_closes_the_connection(pool: Pool, upstream: Upstream) -> None:
    """Who no longer wants an answer closes its connection, and the upstream sees it at once."""
    left = asyncio.Event()

    async def waits(seen: Seen, line: Line) -> None:
        await line.begin_stream()
        await line.piece(b"data: 1\n\n")
        await line.left()
        left.set()

    upstream.script = waits
    sink = Collected()
    address = Address("127.0.0.1", upstream.port)
    exchange = asyncio.ensure_future(
        pool.pool.exchange(address, (REQUEST,), sink, PATIENT, model="demo", resend=Resend())
    )
    await sink.begun.wait()
    assert sink.flow is not None
    sink.flow.abandon()
    await exchange
    await asyncio.wait_for(left.wait(), 1)


@pytest.mark.parametrize(
    "answer",
    [
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    ],
)
async def test_an_answer_that_is_no_http_fails(pool: Pool, upstream: Upstream, answer: bytes) -> None:
    """An upstream that speaks nonsense is an upstream that failed."""
    upstream.script = lambda _seen, line: line.send(answer)
    with pytest.raises(UpstreamFailed):
        await pool.ask(upstream)


async def test_bytes_nobody_asked_for_close_the_connection(pool: Pool, upstream: Upstream) -> None:
    """What comes behind an answer never becomes part of the next one."""

    async def talkative(seen: Seen, line: Line) -> None:
        body = b'{"n": %d}' % len(upstream.seen)
        answer = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body
        await line.send(
            answer + (b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nforged" if len(upstream.seen) == 1 else b"")
        )

    upstream.script = talkative
    assert (await pool.ask(upstream)).body == b'{"n": 1}'
    assert (await pool.ask(upstream)).body == b'{"n": 2}'
    assert upstream.connections == 2


async def test_takes_interim_answers(pool: Pool, upstream: Upstream) -> None:
    """A 100 or 103 before the answer is passed over."""
    interim = b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n"
    upstream.script = lambda _seen, line: line.send(interim + b"HTTP/1.1 201 Made\r\ncontent-length: 2\r\n\r\nok")
    sink = await pool.ask(upstream)
    assert (sink.status, sink.body, sink.complete) == (201, b"ok", True)


async def test_hands_on_many_chunks_of_one_read_at_once(pool: Pool, upstream: Upstream) -> None:
    """Chunks that arrive together are handed on together: the cost is per read, not per chunk."""
    head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    upstream.script = lambda _seen, line: line.send(head + b"3\r\nabc\r\n" * 100 + b"0\r\n\r\n")
    sink = await pool.ask(upstream)
    assert (sink.body, sink.reads) == (b"abc" * 100, 1)


async def test_closes_where_the_upstream_says_so(pool: Pool, upstream: Upstream) -> None:
    """After `connection: close` the connection is not used again."""
    upstream.script = lambda _seen, line: line.json({}, headers="connection: close\r\n")
    await pool.ask(upstream)
    await pool.ask(upstream)
    assert upstream.connections == 2


async def test_a_sink_that_trips_ends_its_exchange_only(pool: Pool, upstream: Upstream) -> None:
    """An exception in a sink reaches its caller; the pool goes on."""

    class Clumsy(Collected):
        def data(self, data: bytes) -> None:
            raise FairleadError("tripped")

    with pytest.raises(FairleadError, match="tripped"):
        await pool.pool.exchange(
            Address("127.0.0.1", upstream.port), (REQUEST,), Clumsy(), PATIENT, model="demo", resend=Resend()
        )
    assert (await pool.ask(upstream)).complete


@pytest.mark.parametrize("status", [404, 500, 503])
async def test_sends_again_where_a_kept_connection_led_to_a_replaced_proxy(
    pool: Pool, upstream: Upstream, status: int
) -> None:
    """A proxy's plain-text error that closes a kept connection speaks of yesterday, so the request goes to today's."""

    async def script(seen: Seen, line: Line) -> None:
        if len(upstream.seen) == 2:
            await line.answer(status, "text/plain", b"not here", headers="connection: close\r\n")
        else:
            await line.json({})

    upstream.script = script
    await pool.ask(upstream)
    answer = await pool.ask(upstream)
    assert (answer.status, answer.body, answer.complete) == (200, b"{}", True)
    assert pool.retries == ["demo"]


@pytest.mark.parametrize(
    "status, content_type, headers",
    [
        (404, "text/plain", ""),
        (404, "application/json", "connection: close\r\n"),
        (429, "text/plain", "connection: close\r\n"),
    ],
)
async def test_believes_every_other_error_on_a_kept_connection(
    pool: Pool, upstream: Upstream, status: int, content_type: str, headers: str
) -> None:
    """An engine's error, a refusal for lack of room, and a proxy that stays are no farewells."""

    async def script(seen: Seen, line: Line) -> None:
        if len(upstream.seen) == 1:
            await line.json({})
        else:
            await line.answer(status, content_type, b"{}", headers=headers)

    upstream.script = script
    await pool.ask(upstream)
    assert (await pool.ask(upstream)).status == status
    assert pool.retries == []


async def test_a_farewell_on_a_new_connection_is_believed(pool: Pool, upstream: Upstream) -> None:
    """A new connection leads to whoever listens now, and what that says holds."""

    async def script(seen: Seen, line: Line) -> None:
        await line.answer(404, "text/plain", b"not here", headers="connection: close\r\n")

    upstream.script = script
    assert (await pool.ask(upstream)).status == 404
    assert pool.retries == []


async def test_a_model_is_found_over_connections_from_before_it_was_applied(upstream: Upstream, tmp_path: Path) -> None:
    """After a real HAProxy has been replaced by one that knows a new model, the first request to it is answered."""
    port, pool = free_port(), Pool(idle_s=60)
    async with running_haproxy(tmp_path, port, {"demo": upstream.port}) as haproxy:
        assert (await pool.ask_path(port, "/demo/x")).status == 200
        await haproxy.load({"demo": upstream.port, "pair": upstream.port})
        assert (await pool.ask_path(port, "/pair/x")).status == 200
        assert (await pool.ask_path(port, "/other/x")).status == 404
    assert pool.retries == ["demo"]
    pool.close()


async def test_retries_have_a_budget(pool: Pool, upstream: Upstream) -> None:
    """When many fail, few are sent again; what was not sent again is counted and told as it is."""
    refused: list[str] = []
    tight = UpstreamPool(
        pool.deadlines,
        connect_timeout_s=SOON_S,
        idle_s=SOON_S,
        on_retry=pool.retries.append,
        on_retry_refused=refused.append,
        retries=RetryRules(share=0, floor=1),
    )
    for _ in range(3):
        with pytest.raises(Unavailable):
            await tight.exchange(
                Address("127.0.0.1", free_port()), (REQUEST,), Collected(), PATIENT, model="demo", resend=Resend()
            )
    assert (pool.retries, refused) == (["demo"], ["demo", "demo"])
    await tight.exchange(
        Address("127.0.0.1", upstream.port), (REQUEST,), Collected(), PATIENT, model="demo", resend=Resend()
    )
    upstream.script = closes
    with pytest.raises(UpstreamFailed):
        await tight.exchange(
            Address("127.0.0.1", upstream.port), (REQUEST,), Collected(), PATIENT, model="demo", resend=Resend()
        )
    assert (len(refused), len(upstream.seen)) == (3, 2)
    tight.close()


async def closes(_: Seen, line: Line) -> None:
    """Take a request and say nothing."""
    line.close()
