"""The memory that all bodies of requests may take."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from fairlead_contract.errors import Overloaded, RequestTooLarge
from fairlead_gateway.body_budget import BodyBudget
from fairlead_gateway.request import Body
from tests.gateway.support.forms import FORM, audio_form
from tests.gateway.support.gateway import Gateway, chat, models_of_all_tasks, running_gateway
from tests.gateway.support.upstream import Line, Seen, Upstream, whole_answer
from tests.gateway.support.wire import Wire
from tests.support.exposition import Exposition
from tests.support.waiting import eventually

CHAT_PATH = "/v1/chat/completions"
ROOM = 64 * 1024
LARGE = json.dumps(chat(messages=[{"role": "user", "content": "x" * 40_000}])).encode()
"""A request of which only one has room."""


@pytest.fixture
async def tight(tmp_path: Path, valkey: Path, redis: Redis, upstream: Upstream) -> AsyncIterator[Gateway]:
    """A gateway with little memory for requests."""
    routes = models_of_all_tasks(tmp_path, upstream.port)
    async with running_gateway(tmp_path, valkey, upstream.port, bodies_bytes=ROOM, routes_file=routes) as gateway:
        yield gateway


def metric(gateway: Gateway, name: str) -> float:
    return Exposition(gateway.runtime.metrics.render().decode()).total(name)


async def post(wire: Wire, gateway: Gateway, body: bytes) -> None:
    await wire.post(CHAT_PATH, body, token=gateway.token())


def arriving(budget: BodyBudget, length: int | None = 100) -> Body:
    return Body(length, limit_bytes=1000, budget=budget)


def test_what_arrives_counts_until_it_is_let_go() -> None:
    """Bytes count as they come, once, and no more when the request is over."""
    budget = BodyBudget(1000)
    body = arriving(budget)
    assert [budget.held_bytes, body.feed(b"x" * 30), budget.held_bytes] == [0, b"", 30]
    assert body.feed(b"x" * 70 + b"behind") == b"behind"
    assert budget.held_bytes == 100
    body.let_go()
    body.let_go()
    assert budget.held_bytes == 0


async def test_what_was_announced_counts_when_it_is_wanted() -> None:
    """Who reads a body has room for all of it, or is refused before it has come; strangers reserve nothing."""
    budget = BodyBudget(250)
    bodies = [arriving(budget) for _ in range(3)]
    assert budget.held_bytes == 0
    first, second = (asyncio.ensure_future(body.read()) for body in bodies[:2])
    await asyncio.sleep(0)
    assert budget.held_bytes == 200
    with pytest.raises(Overloaded, match="as many bytes"):
        await bodies[2].read()
    assert budget.held_bytes == 200
    for body in bodies[:2]:
        body.feed(b"x" * 100)
    assert [await first, await second] == [b"x" * 100] * 2
    assert budget.held_bytes == 200


def test_what_has_no_room_is_forgotten() -> None:
    """A body that is refused gives back what it held, and takes no more."""
    refused: list[None] = []
    budget = BodyBudget(50, on_refused=lambda: refused.append(None))
    body = arriving(budget)
    body.feed(b"x" * 30)
    body.feed(b"x" * 30)
    assert (body.broken, budget.held_bytes, len(refused)) == (True, 0, 1)
    assert (body.feed(b"x" * 40), budget.held_bytes) == (b"", 0)


async def test_a_chunked_body_counts_as_it_comes() -> None:
    """Nobody knows how long it will be, so it counts by what has come."""
    budget = BodyBudget(1000)
    body = arriving(budget, None)
    body.feed(b"5\r\nhello\r\n")
    assert budget.held_bytes == 10
    body.feed(b"ffff\r\n")
    assert budget.held_bytes == 0
    with pytest.raises(RequestTooLarge):
        await body.read()


async def test_requests_beyond_the_budget_are_refused(tight: Gateway, upstream: Upstream) -> None:
    """One more large request gets 503 and a time to come back, small ones go on, and what is over makes room."""
    go_on = asyncio.Event()

    async def slow(seen: Seen, line: Line) -> None:
        await go_on.wait()
        await whole_answer(seen, line)

    upstream.script = slow
    async with tight.wire() as one, tight.wire() as other:
        await post(one, tight, LARGE)
        await upstream.arrived.wait()
        assert metric(tight, "fairlead_request_body_bytes") == len(LARGE)
        await post(other, tight, LARGE)
        refused = await other.answer()
        assert (refused.status, refused.json["error"]["code"]) == (503, "overloaded")
        assert 1 <= int(refused.headers["retry-after"]) <= 10
        assert metric(tight, "fairlead_request_bodies_refused_total") == 1
        go_on.set()
        assert (await one.answer()).status == 200
    assert (await tight.ask(CHAT_PATH, json.loads(LARGE))).status == 200
    assert metric(tight, "fairlead_request_body_bytes") == 0


async def test_a_client_that_leaves_makes_room(tight: Gateway) -> None:
    """Half a body of somebody who has left holds nothing."""
    for _ in range(5):
        async with tight.wire() as wire:
            head = f"POST {CHAT_PATH} HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
            credentials = f"Authorization: Bearer {tight.token()}\r\nContent-Length: {len(LARGE)}\r\n\r\n"
            await wire.send(head.encode() + credentials.encode() + LARGE[:1000])
            wire.reset()

    def forgotten() -> bool:
        return metric(tight, "fairlead_request_body_bytes") == 0

    await asyncio.to_thread(eventually, forgotten, within_s=10, what="no bytes held", pause_s=0.01)
    assert (await tight.ask(CHAT_PATH, json.loads(LARGE))).status == 200


async def test_a_form_that_is_sent_again_is_held_once(tight: Gateway, upstream: Upstream) -> None:
    """Sound reaches the engine whole from the bytes that came, by which alone it counts."""
    held: list[float] = []

    async def hear(_: Seen, line: Line) -> None:
        held.append(metric(tight, "fairlead_request_body_bytes"))
        await line.answer(200, "application/json", b'{"text": ""}')

    upstream.script = hear
    sound = bytes(range(256)) * 200
    body = audio_form(file=sound)
    async with tight.wire() as wire:
        await wire.post("/v1/audio/transcriptions", body, token=tight.token(), headers=FORM)
        assert (await wire.answer()).status == 200
    assert sound in upstream.seen[0].body
    assert held == [len(body)]
