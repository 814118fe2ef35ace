"""The link to a real Valkey: answers in order, deadlines, losses, and what is never mixed up."""

import asyncio
import gc
import os
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trustme
import uvloop
from redis.asyncio import Redis

from fairlead_gateway.redis_address import RedisAddress
from fairlead_gateway.redis_link import RedisLink, RedisLost, Script, drop

STALL_MS = 300


@asynccontextmanager
async def opened(address: RedisAddress, **options: float) -> AsyncIterator[tuple[RedisLink, list[bool]]]:
    """A link, and what it tells of its state."""
    told: list[bool] = []
    link = RedisLink(address, on_state=told.append, **options)
    try:
        yield link, told
    finally:
        await link.aclose()


async def test_everyone_gets_their_own_answer(link: RedisLink) -> None:
    """Hundreds of commands at once share one connection."""
    answers = await asyncio.gather(*(link.run("ECHO", number) for number in range(500)))
    assert answers == [str(number).encode() for number in range(500)]


async def test_many_commands_use_one_connection(valkey: Path, redis: Redis) -> None:
    """A burst opens no further connections."""
    async with opened(RedisAddress(path=str(valkey))) as (link, _):
        ids = await asyncio.gather(*(link.run("CLIENT", "ID") for _ in range(50)))
    assert len(set(ids)) == 1


async def test_cancelled_callers_never_mix_up_answers(link: RedisLink, redis: Redis) -> None:
    """Ten thousand abandoned commands later, everyone still gets their own answer."""
    for number in range(100):
        await redis.set(f"key-{number}", number)
    for number in range(10_000):
        caller = asyncio.ensure_future(link.run("GET", f"key-{number % 100}"))
        for _ in range(number % 5):  # cancelled before, while and after the command is sent
            await asyncio.sleep(0)
        caller.cancel()
        await asyncio.gather(caller, return_exceptions=True)
    answers = await asyncio.gather(*(link.run("GET", f"key-{number}") for number in range(100)))
    assert answers == [str(number).encode() for number in range(100)]


async def test_an_answer_that_nobody_wants_is_dropped(link: RedisLink, caplog: pytest.LogCaptureFixture) -> None:
    """Whether it has come, is on its way or was lost, others get theirs, and no log tells of it."""
    come = link.ask("ECHO", 1)
    await come
    under_way = link.ask("ECHO", 2)
    drop(come)
    drop(under_way)
    assert await link.run("ECHO", 3) == b"3"
    lost = link.ask("ECHO", 4)
    await link.aclose()
    drop(lost)
    del lost
    gc.collect()
    assert not caplog.records


async def test_nobody_waits_longer_than_the_deadline(valkey: Path, redis: Redis) -> None:
    """A Redis that hangs is as lost as one that is gone; its late answers go to nobody."""
    async with opened(RedisAddress(path=str(valkey)), deadline_s=0.05, pause_s=0) as (link, told):
        assert await link.run("ECHO", "first") == b"first"
        await redis.client_pause(STALL_MS, all=True)
        results = await asyncio.gather(*(link.run("ECHO", f"late-{n}") for n in range(5)), return_exceptions=True)
        assert all(isinstance(result, RedisLost) for result in results)
        await redis.ping()  # answered when the pause is over
        assert await link.run("ECHO", "after") == b"after"
        assert told == [True, False, True]


def test_an_answer_that_came_in_time_is_taken_although_this_process_was_held_up(valkey: Path) -> None:
    """What lies unread when the deadline has passed is no loss; the gateway's loop runs timers before it reads."""

    def hold_up(reading: int) -> None:
        os.read(reading, 1)
        time.sleep(1)

    async def ask() -> list[bool]:
        reading, writing = os.pipe()
        async with opened(RedisAddress(path=str(valkey)), deadline_s=0.05, pause_s=0) as (link, told):
            assert await link.reach(5)
            asyncio.get_running_loop().add_reader(reading, hold_up, reading)
            asked = asyncio.ensure_future(link.run("ECHO", "unread"))
            for _ in range(2):  # it is sent
                await asyncio.sleep(0)
            os.write(writing, b"x")
            assert await asked == b"unread"
            asyncio.get_running_loop().remove_reader(reading)
        os.close(reading)
        os.close(writing)
        return told

    assert uvloop.run(ask()) == [True]


async def test_redis_is_reached_when_it_comes_late(tmp_path: Path) -> None:
    """A link that is to be connected tries again until somebody answers, within its time."""
    socket = tmp_path / "late.sock"

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"PING\r\n")
        writer.write(b"+PONG\r\n")
        await reader.read()
        writer.close()

    async with opened(RedisAddress(path=str(socket)), pause_s=0.01) as (link, told):
        assert not await link.reach(0.05)
        reaching = asyncio.ensure_future(link.reach(10))
        async with await asyncio.start_unix_server(answer, socket):
            assert await reaching
            await link.aclose()
        assert told == [False, True]


async def test_after_a_failure_redis_is_left_alone_for_a_moment() -> None:
    """An outage costs one attempt, not one per request."""
    async with opened(RedisAddress(path="/nonexistent"), pause_s=60) as (link, told):
        with pytest.raises(RedisLost, match="No such file"):
            await link.run("PING")
        with pytest.raises(RedisLost, match="paused"):
            await link.run("PING")
        assert told == [False]


async def test_an_error_of_the_server_is_a_loss(link: RedisLink, redis: Redis) -> None:
    """A read-only replica, or one without memory, limits nothing and must not be taken for one that does."""
    await redis.set("text", "no number")
    with pytest.raises(RedisLost, match="not an integer"):
        await link.run("INCR", "text")


async def test_a_connection_that_was_closed_meanwhile_is_replaced(valkey: Path, redis: Redis) -> None:
    """A server that drops idle connections costs nobody an answer."""
    async with opened(RedisAddress(path=str(valkey)), deadline_s=30) as (link, told):
        number = await link.run("CLIENT", "ID")
        await redis.client_kill_filter(_id=str(number))
        await redis.ping()
        assert await link.run("CLIENT", "ID") != number
        assert told == [True]


async def test_a_lost_connection_fails_those_who_wait(valkey: Path, redis: Redis) -> None:
    """A command whose answer cannot come any more is not waited for until the deadline."""
    async with opened(RedisAddress(path=str(valkey)), deadline_s=30) as (link, told):
        number = await link.run("CLIENT", "ID")
        waiting = asyncio.ensure_future(link.run("BLPOP", "nothing", 0))
        await asyncio.sleep(0)
        await redis.client_kill_filter(_id=str(number))
        with pytest.raises(RedisLost):
            await waiting
        assert told == [True, False]


async def test_a_script_is_sent_whole_where_redis_has_forgotten_it(link: RedisLink, redis: Redis) -> None:
    """A Redis that was restarted learns the scripts anew, and nobody notices."""
    script = Script("return {KEYS[1], ARGV[1]}")
    for _ in range(2):
        await redis.script_flush()
        assert await link.run_script(script, ["key"], ["argument"]) == [b"key", b"argument"]
        assert await link.run_script(script, ["key"], ["argument"]) == [b"key", b"argument"]
    assert (await redis.info("commandstats"))["cmdstat_eval"]["calls"] >= 2


async def test_the_database_of_the_url_is_used(valkey: Path, redis: Redis) -> None:
    """Two platforms may share a server by database."""
    async with opened(RedisAddress.from_url(f"unix://{valkey}?db=5"), deadline_s=30) as (link, _):
        await link.run("SET", "here", "in five")
    assert await redis.get("here") is None


async def test_a_wrong_password_is_a_loss(valkey: Path, redis: Redis) -> None:
    """A link that may not speak says so with the server's own words."""
    async with opened(RedisAddress.from_url(f"unix://nobody:wrong@{valkey}"), deadline_s=30) as (link, told):
        with pytest.raises(RedisLost, match="WRONGPASS"):
            await link.run("PING")
        assert told == [False]


async def test_a_server_that_speaks_something_else_is_a_loss() -> None:
    """A port that answers with HTTP is found out at once."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with (
        server,
        opened(RedisAddress("127.0.0.1", server.sockets[0].getsockname()[1]), deadline_s=30) as (link, _),
    ):
        with pytest.raises(RedisLost, match="protocol"):
            await link.run("PING")


async def test_tls_is_spoken_where_the_url_asks_for_it(tmp_path: Path, valkey: Path, redis: Redis) -> None:
    """rediss:// trusts the named certificate and reaches the server behind it."""
    authority, certificate = trustme.CA(), tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(certificate)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, forth = await asyncio.open_unix_connection(valkey)
        await asyncio.gather(_pump(reader, forth), _pump(back, writer))

    server = await asyncio.start_server(forward, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    async with server:
        url = f"rediss://localhost:{port}?ssl_ca_certs={certificate}"
        async with opened(RedisAddress.from_url(url), deadline_s=30) as (link, _):
            assert await link.run("ECHO", "sealed") == b"sealed"
        async with opened(RedisAddress.from_url(f"rediss://localhost:{port}"), deadline_s=30) as (link, _):
            with pytest.raises(RedisLost, match="certificate"):
                await link.run("PING")


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
    writer.close()
