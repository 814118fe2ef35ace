"""Identical questions at the same time, through a whole gateway: one upstream call for all of them."""

import asyncio
import json
import resource
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from redis.asyncio import Redis

from tests.gateway.builders import ACME
from tests.gateway.support.frames import CHAT, CHAT_STREAM, CHAT_VISIBLE, chat_chunk
from tests.gateway.support.gateway import Gateway, chat
from tests.gateway.support.upstream import Line, Seen, Upstream, whole_answer
from tests.gateway.support.wire import Answer

CHAT_PATH = "/v1/chat/completions"
QUESTION = chat(temperature=0, max_tokens=16)
PATIENCE_S = 20.0


class Slow:
    """An upstream that keeps each request until the test lets it go, in turn."""

    def __init__(self, upstream: Upstream, *answers: Any) -> None:
        self._upstream = upstream
        self._answers = list(answers)
        self._turns: asyncio.Queue[None] = asyncio.Queue()
        upstream.script = self

    async def __call__(self, seen: Seen, line: Line) -> None:
        number = len(self._upstream.seen) - 1
        await self._turns.get()
        answer = self._answers[min(number, len(self._answers) - 1)]
        await answer(seen, line)

    def go(self) -> None:
        self._turns.put_nowait(None)

    async def asked(self, count: int) -> None:
        """Wait until so many requests have arrived."""
        async with asyncio.timeout(PATIENCE_S):
            while len(self._upstream.seen) < count:
                self._upstream.arrived.clear()
                await self._upstream.arrived.wait()


async def following(gateway: Gateway, count: int) -> None:
    """Wait until so many requests are with the gateway; they stand in one queue once they have passed Redis."""
    async with asyncio.timeout(PATIENCE_S):
        while len(gateway.runtime.edge.requests) < count:  # noqa: ASYNC110 - requests that arrive tell nobody
            await asyncio.sleep(0.01)
        cache = gateway.runtime.services.cache
        await cache.get("fairlead:cache:none", ACME, cache.ask("fairlead:cache:none"))  # one round trip later


def ask(gateway: Gateway, count: int, document: Any = QUESTION, **options: Any) -> list[asyncio.Task[Answer]]:
    return [asyncio.create_task(gateway.ask(CHAT_PATH, document, **options)) for _ in range(count)]


async def tokens_charged(redis: Redis, tenant: str) -> int:
    return int((await redis.hgetall(f"fairlead:limit:tenant:{tenant}:tokens")).get(b"used", 0))


@pytest.fixture
def many_files() -> Iterator[None]:
    """As many open files as the system lets this process have, for both ends of each connection lie in it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("many_files")
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_a_thousand_identical_questions_are_one_upstream_call(
    gateway: Gateway, upstream: Upstream, redis: Redis, stream: bool
) -> None:
    """All get the same bytes, one of them as a miss; only that one is charged tokens."""
    slow = Slow(upstream, (lambda _, line: line.stream([CHAT_STREAM])) if stream else whole_answer)
    tasks = ask(gateway, 1000, {**QUESTION, "stream": stream}, tenant="counted")
    await slow.asked(1)
    await following(gateway, 1000)
    slow.go()
    answers = await asyncio.gather(*tasks)
    assert len(upstream.seen) == 1
    assert {(answer.status, answer.body) for answer in answers} == {(200, answers[0].body)}
    assert not stream or answers[0].body == CHAT_VISIBLE
    told = Counter(answer.headers["x-fairlead-cache"] for answer in answers)
    assert told == {"miss": 1, "shared": 999}
    await gateway.runtime.drain()
    assert await tokens_charged(redis, "counted") == 10
    assert len(gateway.runtime.services.resilience.flights) == 0


async def test_others_questions_are_their_own(gateway: Gateway, upstream: Upstream) -> None:
    """Another tenant, another question and a client that wants no cache share nothing."""
    slow = Slow(upstream, whole_answer)
    tasks = [
        *ask(gateway, 1),
        *ask(gateway, 1, tenant="globex"),
        *ask(gateway, 1, {**QUESTION, "seed": 2}),
        *ask(gateway, 1, headers={"Cache-Control": "no-cache"}),
        *ask(gateway, 1, headers={"Cache-Control": "no-store"}),
        *ask(gateway, 1, chat()),
    ]
    await slow.asked(6)
    for _ in tasks:
        slow.go()
    assert {answer.status for answer in await asyncio.gather(*tasks)} == {200}


async def test_the_next_takes_over_when_the_leader_leaves(gateway: Gateway, upstream: Upstream, redis: Redis) -> None:
    """The others do not notice that the client for whom the answer was fetched has gone."""
    slow = Slow(upstream, lambda _, line: line.left(), whole_answer)
    async with gateway.wire() as leader:
        await leader.post(CHAT_PATH, json.dumps(QUESTION).encode(), token=gateway.token("counted"))
        await slow.asked(1)
        slow.go()
        tasks = ask(gateway, 5, tenant="counted")
        await following(gateway, 6)
    await slow.asked(2)
    slow.go()
    answers = await asyncio.gather(*tasks)
    assert {answer.status for answer in answers} == {200}
    assert len(upstream.seen) == 2


async def test_the_next_takes_over_when_the_leader_fails(gateway: Gateway, upstream: Upstream) -> None:
    """A failure is told to the one whose request it was; the others are answered by the next attempt."""
    slow = Slow(upstream, lambda _, line: line.answer(500, "application/json", b"{}"), whole_answer)
    tasks = ask(gateway, 5)
    await slow.asked(1)
    await following(gateway, 5)
    slow.go()
    await slow.asked(2)
    slow.go()
    statuses = Counter(answer.status for answer in await asyncio.gather(*tasks))
    assert (statuses, len(upstream.seen)) == ({502: 1, 200: 4}, 2)


async def test_the_next_takes_over_from_a_broken_stream(gateway: Gateway, upstream: Upstream) -> None:
    """Half an answer is nobody's but the leader's."""
    slow = Slow(upstream, lambda _, line: line.stream([CHAT[0], CHAT[1]]), lambda _, line: line.stream([CHAT_STREAM]))
    tasks = ask(gateway, 5, {**QUESTION, "stream": True})
    await slow.asked(1)
    await following(gateway, 5)
    slow.go()
    await slow.asked(2)
    slow.go()
    bodies = Counter(answer.body == CHAT_VISIBLE for answer in await asyncio.gather(*tasks))
    assert (bodies, len(upstream.seen)) == ({False: 1, True: 4}, 2)


async def test_the_next_takes_over_from_a_leader_that_reads_slowly(gateway: Gateway, upstream: Upstream) -> None:
    """Nobody waits for an answer that is held up by another's client."""

    async def endless(_: Seen, line: Line) -> None:
        await line.begin_stream()
        while True:
            await line.piece(chat_chunk("x" * 60_000))

    slow = Slow(upstream, endless, lambda _, line: line.stream([CHAT_STREAM]))
    async with gateway.wire(buffered=1024) as leader:
        await leader.post(CHAT_PATH, json.dumps({**QUESTION, "stream": True}).encode(), token=gateway.token())
        await slow.asked(1)
        tasks = ask(gateway, 2, {**QUESTION, "stream": True})
        await following(gateway, 3)
        slow.go()
        await slow.asked(2)
        slow.go()
        assert {answer.body for answer in await asyncio.gather(*tasks)} == {CHAT_VISIBLE}
    assert len(upstream.seen) == 2


async def test_a_mistake_in_the_question_is_told_to_all(gateway: Gateway, upstream: Upstream) -> None:
    """What is wrong with the question is wrong with each of them, and is found out once."""
    refusal = b'{"error": {"message": "max_tokens is too large", "code": 400}}'
    slow = Slow(upstream, lambda _, line: line.answer(400, "application/json", refusal))
    tasks = ask(gateway, 5)
    await slow.asked(1)
    await following(gateway, 5)
    slow.go()
    answers = await asyncio.gather(*tasks)
    assert {(answer.status, answer.json["error"]["message"]) for answer in answers} == {
        (400, "max_tokens is too large")
    }
    assert len(upstream.seen) == 1


async def test_followers_may_leave(gateway: Gateway, upstream: Upstream, redis: Redis) -> None:
    """A follower that leaves is charged no tokens and holds nobody up."""
    slow = Slow(upstream, whole_answer)
    tasks = ask(gateway, 1)
    await slow.asked(1)
    async with gateway.wire() as follower:
        await follower.post(CHAT_PATH, json.dumps(QUESTION).encode(), token=gateway.token())
        await following(gateway, 2)
    async with asyncio.timeout(PATIENCE_S):
        while len(gateway.runtime.edge.requests) > 1:  # noqa: ASYNC110 - a request that ends tells nobody
            await asyncio.sleep(0.01)
    slow.go()
    assert (await tasks[0]).status == 200
    assert 'code="499",model="demo"' in gateway.runtime.metrics.render().decode()


async def test_followers_wait_no_longer_than_they_say(gateway: Gateway, upstream: Upstream) -> None:
    """A client's own deadline ends its wait for another's answer."""
    slow = Slow(upstream, whole_answer)
    tasks = ask(gateway, 1)
    await slow.asked(1)
    late = await gateway.ask(CHAT_PATH, QUESTION, headers={"x-request-timeout-seconds": "0.05"})
    assert (late.status, late.json["error"]["code"]) == (504, "upstream_timeout")
    slow.go()
    assert (await tasks[0]).status == 200
