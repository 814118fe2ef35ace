"""Models that are not there yet, through a whole gateway: who is held, for how long, and what the client sees."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, TypeAlias

import anthropic
import openai
import pytest
from redis.asyncio import Redis

from tests.gateway.support.frames import CHAT_STREAM, CHAT_VISIBLE, DONE
from tests.gateway.support.gateway import Gateway, chat, running_gateway
from tests.gateway.support.upstream import Line, Seen, Upstream, whole_answer
from tests.gateway.support.wire import Wire

CHAT_PATH = "/v1/chat/completions"
COMMENT = b": waiting for the model\n\n"
Running: TypeAlias = Callable[..., AbstractAsyncContextManager[Gateway]]


class Model:
    """An upstream as Ray Serve's HAProxy shows it: 404 before the model is known, 500 without a replica."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self.there = False
        self.refusal = (404, b"Path '/demo' not found.")
        self.knocks = 0
        self.requests = 0
        self.answer: Any = whole_answer
        self._changed = asyncio.Event()
        upstream.script = self

    async def __call__(self, seen: Seen, line: Line) -> None:
        if seen.path == "/demo/health":
            self.knocks += 1
        else:
            self.requests += 1
        self._changed.set()
        if not self.there:
            status, body = self.refusal
            await line.answer(status, "text/plain", body)
        elif seen.path == "/demo/health":
            await line.answer(200, "text/plain", b"")
        else:
            await self.answer(seen, line)

    async def knocked(self, times: int) -> None:
        """Wait until so many knocks have come."""
        async with asyncio.timeout(10):
            while self.knocks < times:
                self._changed.clear()
                await self._changed.wait()


@pytest.fixture
def model(upstream: Upstream) -> Model:
    return Model(upstream)


@pytest.fixture
def running(tmp_path: Path, valkey: Path, redis: Redis, upstream: Upstream) -> Running:
    """Runs gateways that hold requests."""

    def run(**settings: Any) -> AbstractAsyncContextManager[Gateway]:
        holding = {"hold_stream_s": 30, "hold_whole_s": 30, "stream_silence_s": 0.05, **settings}
        return running_gateway(tmp_path, valkey, upstream.port, **holding)

    return run


@pytest.fixture
async def holding(running: Running) -> AsyncIterator[Gateway]:
    async with running() as gateway:
        yield gateway


async def posted(wire: Wire, gateway: Gateway, **fields: Any) -> None:
    await wire.post(CHAT_PATH, json.dumps(chat(**fields)).encode(), token=gateway.token())


@pytest.mark.parametrize("refusal", [(404, b"Path '/demo' not found."), (500, b"Internal Server Error")])
async def test_a_request_is_answered_when_the_model_is_ready(
    holding: Gateway, model: Model, refusal: tuple[int, bytes]
) -> None:
    """A request in one piece waits without a byte, and is answered as if nothing had been."""
    model.refusal = refusal
    task = asyncio.create_task(holding.ask(CHAT_PATH, chat()))
    await model.knocked(2)
    model.there = True
    answer = await task
    assert (answer.status, answer.json["choices"][0]["message"]["content"]) == (200, "Hello")
    assert model.requests == 2


async def test_a_stream_is_held_with_comments(holding: Gateway, model: Model) -> None:
    """A waiting stream gets its head and comments, and then the stream as it always is."""
    model.answer = lambda _, line: line.stream([CHAT_STREAM])
    async with holding.wire() as wire:
        await posted(wire, holding, stream=True)
        status, headers = await wire.head()
        pieces = wire.pieces()
        assert [await anext(pieces), await anext(pieces)] == [COMMENT, COMMENT]
        model.there = True
        rest = b"".join([piece async for piece in pieces])
    assert (status, headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
    assert rest.removeprefix(COMMENT).replace(COMMENT, b"") == CHAT_VISIBLE
    assert rest.endswith(DONE)


async def test_hundreds_wait_and_one_knocks(holding: Gateway, model: Model) -> None:
    """Who waits does not ask: knocks come one at a time, and all are answered at the end."""
    tasks = [asyncio.create_task(holding.ask(CHAT_PATH, chat())) for _ in range(200)]
    await model.knocked(3)
    assert 'fairlead_request_held{model="demo"} 200.0' in holding.runtime.metrics.render().decode()
    knocks = model.knocks
    model.there = True
    assert {answer.status for answer in await asyncio.gather(*tasks)} == {200}
    assert model.knocks - knocks <= 2
    assert 'fairlead_request_held{model="demo"} 0.0' in holding.runtime.metrics.render().decode()


@pytest.mark.parametrize("path", [CHAT_PATH, "/v1/messages"])
async def test_a_model_that_never_comes_is_an_honest_error(running: Running, model: Model, path: str) -> None:
    """When the time is over a whole request gets 503 with a time to come back that clients accept."""
    async with running(hold_whole_s=0.1) as gateway:
        answer = await gateway.ask(path, chat(max_tokens=1))
    assert answer.status == 503
    assert 1 <= int(answer.headers["retry-after"]) <= 120
    assert model.requests == 1


async def test_a_stream_that_waited_in_vain_ends_in_an_error_event(running: Running, model: Model) -> None:
    """After the head is out the error is the last event, and no [DONE] says that all was well."""
    async with running(hold_stream_s=1) as gateway:
        answer = await gateway.ask(CHAT_PATH, chat(stream=True))
    assert answer.status == 200
    assert answer.body.startswith(COMMENT)
    assert b'"code":"model_loading"' in answer.body.replace(COMMENT, b"")
    assert DONE not in answer.body


async def test_a_stream_that_fails_before_its_grace_keeps_its_status(running: Running, model: Model) -> None:
    """A short wait in vain is a 503 like any other."""
    async with running(hold_stream_s=0.1, stream_silence_s=30) as gateway:
        answer = await gateway.ask(CHAT_PATH, chat(stream=True))
    assert (answer.status, answer.json["error"]["code"]) == (503, "model_loading")


async def test_what_may_have_brought_the_engine_down_is_sent_again_once(holding: Gateway, model: Model) -> None:
    """A request before which replicas die does not go from one to the next."""
    model.there = True
    model.answer = lambda _, line: line.answer(500, "text/plain", b"Internal Server Error")
    answer = await holding.ask(CHAT_PATH, chat())
    assert (answer.status, model.requests) == (503, 2)


async def test_a_closed_connection_counts_as_sent(holding: Gateway, model: Model) -> None:
    """What was sent again because its connection closed is not sent a third time because the engine died."""
    model.there = True
    assert (await holding.ask(CHAT_PATH, chat())).status == 200

    async def dying(_: Seen, line: Line) -> None:
        if model.requests == 2:
            line.close()
        else:
            await line.answer(500, "text/plain", b"Internal Server Error")

    model.answer = dying
    answer = await holding.ask(CHAT_PATH, chat())
    assert (answer.status, model.requests) == (503, 3)


async def test_a_request_that_waits_upstream_stays_there(holding: Gateway, model: Model, upstream: Upstream) -> None:
    """At zero replicas Serve holds a request itself: it is not knocked for, only given signs of life."""
    wakes = asyncio.Event()

    async def waking(_: Seen, line: Line) -> None:
        await wakes.wait()
        await line.stream([CHAT_STREAM])

    model.there, model.answer = True, waking
    async with holding.wire() as wire:
        await posted(wire, holding, stream=True)
        await wire.head()
        pieces = wire.pieces()
        assert await anext(pieces) == COMMENT
        wakes.set()
        body = b"".join([piece async for piece in pieces])
    assert body.replace(COMMENT, b"") == CHAT_VISIBLE
    assert (model.requests, model.knocks) == (1, 0)


async def test_no_stream_where_one_was_begun_is_an_error_event(holding: Gateway, model: Model) -> None:
    """An answer in one piece cannot go into a stream whose head is out."""
    late = asyncio.Event()

    async def whole(seen: Seen, line: Line) -> None:
        await late.wait()
        await whole_answer(seen, line)

    model.there, model.answer = True, whole
    async with holding.wire() as wire:
        await posted(wire, holding, stream=True)
        await wire.head()
        late.set()
        body = b"".join([piece async for piece in wire.pieces()])
    assert b'"code":"upstream_failed"' in body
    assert DONE not in body


async def test_a_client_that_leaves_is_held_no_longer(holding: Gateway, model: Model) -> None:
    """Nobody knocks for a client that has gone, and it is charged nothing."""
    async with holding.wire() as wire:
        await posted(wire, holding, stream=True)
        await wire.head()
    async with asyncio.timeout(10):
        while holding.runtime.edge.requests:
            await asyncio.wait(holding.runtime.edge.requests)
    held = holding.runtime.services.resilience.holding
    assert held is not None
    assert not held.cold("demo")
    assert 'fairlead_request_held{model="demo"} 0.0' in holding.runtime.metrics.render().decode()


async def test_a_gateway_that_drains_sends_them_away(holding: Gateway, model: Model) -> None:
    """A held request can wait elsewhere: it gets 503, a held stream that has begun an error event."""
    whole = asyncio.create_task(holding.ask(CHAT_PATH, chat()))
    async with holding.wire() as wire:
        await posted(wire, holding, stream=True)
        await wire.head()
        await holding.runtime.drain()
        streamed = b"".join([piece async for piece in wire.pieces()])
    assert ((await whole).status, (await whole).headers["retry-after"]) == (503, "1")
    assert b"shutting down" in streamed
    assert DONE not in streamed


async def test_only_so_many_are_held(running: Running, model: Model) -> None:
    """One more is told at once that the model has enough waiting."""
    async with running(held_requests=1) as gateway:
        first = asyncio.create_task(gateway.ask(CHAT_PATH, chat()))
        await model.knocked(1)
        second = await gateway.ask(CHAT_PATH, chat())
        model.there = True
        assert (await first).status == 200
    assert (second.status, second.json["error"]["code"]) == (503, "overloaded")
    assert int(second.headers["retry-after"]) >= 5


async def test_openais_client_waits_for_a_cold_model(holding: Gateway, model: Model) -> None:
    """The `openai` client skips the comments and reads the stream behind them."""
    model.answer = lambda _, line: line.stream([CHAT_STREAM])
    url = f"http://127.0.0.1:{holding.port}/v1"
    hello: Any = [{"role": "user", "content": "Hello?"}]
    async with openai.AsyncOpenAI(base_url=url, api_key=holding.token(), max_retries=0) as client:
        stream = await client.chat.completions.create(model="demo", messages=hello, stream=True)
        model.there = True
        text = "".join([chunk.choices[0].delta.content or "" async for chunk in stream])
    assert text == "Hello!"


async def test_clients_raise_for_a_model_that_never_comes(running: Running, model: Model) -> None:
    """Both vendors' clients raise what the last event of a held stream says."""
    hello: Any = [{"role": "user", "content": "Hello?"}]
    async with running(hold_stream_s=1) as gateway:
        url = f"http://127.0.0.1:{gateway.port}"
        async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=gateway.token(), max_retries=0) as client:
            stream = await client.chat.completions.create(model="demo", messages=hello, stream=True)
            with pytest.raises(openai.APIError, match="starting"):
                await anext(aiter(stream))
        async with anthropic.AsyncAnthropic(base_url=url, api_key=gateway.token(), max_retries=0) as other:
            events = await other.messages.create(model="demo", max_tokens=5, messages=hello, stream=True)
            with pytest.raises(anthropic.APIStatusError, match="starting"):
                await anext(aiter(events))
