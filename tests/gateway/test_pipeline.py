"""Requests through a whole gateway: real sockets, a real Valkey, a scripted upstream."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from fairlead_contract.hop import hop_secret
from fairlead_gateway.limit_store import GENERATION
from tests.gateway.support.frames import (
    CHAT,
    CHAT_STREAM,
    CHAT_VISIBLE,
    DONE,
    ENGINE_ERROR,
    MESSAGES_STREAM,
    RESPONSES_STREAM,
    chat_chunk,
)
from tests.gateway.support.gateway import HOP_KEY, Gateway, chat, running_gateway
from tests.gateway.support.upstream import Line, Seen, Upstream

CHAT_PATH = "/v1/chat/completions"
ENDPOINTS: dict[str, tuple[dict[str, Any], bytes, bytes]] = {
    CHAT_PATH: (chat(), CHAT_STREAM, CHAT_VISIBLE),
    "/v1/completions": ({"model": "demo", "prompt": "Hi"}, CHAT_STREAM, CHAT_VISIBLE),
    "/v1/responses": ({"model": "demo", "input": "Hi"}, RESPONSES_STREAM, RESPONSES_STREAM),
    "/v1/messages": (chat(max_tokens=5), MESSAGES_STREAM, MESSAGES_STREAM),
}
JSON_ONLY: dict[str, dict[str, Any]] = {
    "/v1/messages/count_tokens": chat(),
    "/tokenize": {"model": "demo", "prompt": "Hi"},
    "/detokenize": {"model": "demo", "tokens": [1, 2]},
}


async def tokens_charged(redis: Redis, tenant: str) -> int:
    """Return what a tenant's token bucket holds."""
    return int((await redis.hgetall(f"fairlead:limit:tenant:{tenant}:tokens")).get(b"used", 0))


@pytest.mark.parametrize("path", [*ENDPOINTS, *JSON_ONLY])
async def test_passes_an_answer_on_untouched(gateway: Gateway, upstream: Upstream, path: str) -> None:
    """An answer in one piece reaches the client byte for byte, whatever is in it."""
    body = b'{ "odd":  "sp\\u0061cing",\n "n": 1.00, "usage": null }'
    upstream.script = lambda _seen, line: line.answer(200, "application/json", body)
    document = ENDPOINTS[path][0] if path in ENDPOINTS else JSON_ONLY[path]
    answer = await gateway.ask(path, document)
    assert (answer.status, answer.body) == (200, body)
    assert answer.headers["content-type"] == "application/json"
    assert upstream.seen[0].path == f"/demo{path}"


@pytest.mark.parametrize("path", ENDPOINTS)
async def test_passes_a_stream_on(gateway: Gateway, upstream: Upstream, path: str) -> None:
    """A stream reaches the client frame by frame, without what the gateway asked for on its own account."""
    document, stream, visible = ENDPOINTS[path]
    upstream.script = lambda _seen, line: line.stream([stream[i : i + 37] for i in range(0, len(stream), 37)])
    answer = await gateway.ask(path, {**document, "stream": True})
    assert (answer.status, answer.body) == (200, visible)
    assert answer.headers["content-type"].startswith("text/event-stream")


async def test_shows_usage_to_who_asks(gateway: Gateway, upstream: Upstream) -> None:
    """A client that asks for a stream's usage gets it."""
    upstream.script = lambda _seen, line: line.stream([CHAT_STREAM])
    answer = await gateway.ask(CHAT_PATH, chat(stream=True, stream_options={"include_usage": True}))
    assert answer.body == CHAT_STREAM


async def test_tells_the_upstream_little(gateway: Gateway, upstream: Upstream) -> None:
    """No credential and no cookie goes upstream; hop secret, request id, a switch and a trace not to be recorded do."""
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    told = {"Cookie": "session=1", "X-Request-Id": "abc", "traceparent": trace, "X-Forwarded-For": "1.2.3.4"}
    await gateway.ask(CHAT_PATH, chat(), headers=told)
    seen = upstream.seen[0]
    assert seen.headers.pop("host") == f"127.0.0.1:{upstream.port}"
    assert seen.headers.pop("content-length") == str(len(seen.body))
    assert seen.headers == {
        "content-type": "application/json",
        "accept": "application/json, text/event-stream",
        "x-fairlead-hop": hop_secret(HOP_KEY, "demo"),
        "x-request-disconnect-disabled": "?1",
        "x-request-id": "abc",
        "traceparent": f"{trace[:-2]}00",
    }


@pytest.mark.parametrize("trace", ["00-xyz", "00-" + "a" * 100])
async def test_keeps_an_odd_trace_context_back(gateway: Gateway, upstream: Upstream, trace: str) -> None:
    """A trace context that is not well-formed does not go upstream."""
    await gateway.ask(CHAT_PATH, chat(), headers={"traceparent": trace})
    assert "traceparent" not in upstream.seen[0].headers


async def test_says_what_is_left(gateway: Gateway) -> None:
    """Answers and refusals say how much of a limit is left, and 429 says when to come back."""
    for left in ("1", "0"):
        answer = await gateway.ask(CHAT_PATH, chat(), tenant="tiny")
        assert (answer.status, answer.headers["x-ratelimit-remaining-requests"]) == (200, left)
    refused = await gateway.ask(CHAT_PATH, chat(), tenant="tiny")
    assert refused.status == 429
    assert int(refused.headers["retry-after"]) >= 1
    assert refused.headers["x-ratelimit-limit-requests"] == "2"
    assert (await gateway.ask(CHAT_PATH, chat())).status == 200


async def test_says_what_is_left_with_a_stream(gateway: Gateway, upstream: Upstream) -> None:
    """A stream's head says it too, for it is sent before the stream is over."""
    upstream.script = lambda _seen, line: line.stream([CHAT_STREAM])
    answer = await gateway.ask(CHAT_PATH, chat(stream=True), tenant="tiny")
    assert answer.headers["x-ratelimit-remaining-requests"] == "1"


async def test_charges_what_the_engine_counted(gateway: Gateway, upstream: Upstream, redis: Redis) -> None:
    """Tokens are charged as the engine counted them, in one piece and streamed, asked for or not."""
    await gateway.ask(CHAT_PATH, chat(), tenant="counted")
    upstream.script = lambda _seen, line: line.stream([CHAT_STREAM])
    await gateway.ask(CHAT_PATH, chat(stream=True), tenant="counted")
    await gateway.runtime.drain()
    assert await tokens_charged(redis, "counted") == 20


async def test_charges_an_abandoned_stream_for_what_was_delivered(
    gateway: Gateway, upstream: Upstream, redis: Redis
) -> None:
    """A client that leaves is charged for its prompt and for the tokens that it was sent."""

    async def goes_on(seen: Seen, line: Line) -> None:
        await line.begin_stream()
        await line.piece(b"".join(CHAT))
        await line.left()

    upstream.script = goes_on
    document = chat(stream=True)
    async with gateway.wire() as wire:
        await wire.post(CHAT_PATH, json.dumps(document).encode(), token=gateway.token("counted"))
        await wire.head()
        assert await anext(wire.pieces()) == b"".join(CHAT)
    await upstream.has_at_most(0)
    await gateway.runtime.drain()
    prompt = -(-len(json.dumps(document["messages"])) // 4)
    assert await tokens_charged(redis, "counted") == prompt + 3


async def test_charges_nothing_for_a_failure_of_ours(gateway: Gateway, upstream: Upstream, redis: Redis) -> None:
    """A request that the model never answered costs no tokens."""
    upstream.script = lambda _seen, line: line.answer(500, "text/plain", b"Internal Server Error")
    assert (await gateway.ask(CHAT_PATH, chat(), tenant="counted")).status == 503
    await gateway.runtime.drain()
    assert await tokens_charged(redis, "counted") == 0


@pytest.mark.parametrize("stream", [False, True])
async def test_answers_the_same_question_from_the_cache(gateway: Gateway, upstream: Upstream, stream: bool) -> None:
    """A deterministic question asked again is answered without the model, in the same form, to the same tenant only."""

    async def script(seen: Seen, line: Line) -> None:
        await (
            line.stream([CHAT_STREAM])
            if stream
            else line.json({"n": len(upstream.seen), "usage": {"prompt_tokens": 1}})
        )

    upstream.script = script
    question = chat(temperature=0, stream=stream)
    async with gateway.wire() as wire:
        answers = []
        for _ in range(2):
            await wire.post(CHAT_PATH, json.dumps(question).encode(), token=gateway.token())
            answers.append(await wire.answer())
            await gateway.settled()
    assert [answer.headers["x-fairlead-cache"] for answer in answers] == ["miss", "hit"]
    assert answers[0].body == answers[1].body
    assert answers[0].headers["content-type"] == answers[1].headers["content-type"]
    assert len(upstream.seen) == 1
    other = await gateway.ask(CHAT_PATH, question, tenant="globex")
    assert (other.headers["x-fairlead-cache"], len(upstream.seen)) == ("miss", 2)


async def test_finds_what_another_gateway_has_kept(
    gateway: Gateway, upstream: Upstream, valkey: Path, tmp_path: Path
) -> None:
    """All gateways share one cache."""
    question = chat(temperature=0)
    upstream.script = lambda _seen, line: line.json({"usage": {"prompt_tokens": 1}})
    first = await gateway.ask(CHAT_PATH, question)
    await gateway.settled()
    async with running_gateway(tmp_path, valkey, upstream.port) as other:
        second = await other.ask(CHAT_PATH, question)
    assert (first.headers["x-fairlead-cache"], second.headers["x-fairlead-cache"]) == ("miss", "hit")
    assert (first.body, len(upstream.seen)) == (second.body, 1)


@pytest.mark.parametrize(
    "pieces",
    [[CHAT[0], CHAT[1], ENGINE_ERROR, DONE], [CHAT[0], CHAT[1]], [CHAT[0], CHAT[1][:20]]],
    ids=["engine death", "truncated", "truncated in a frame"],
)
async def test_keeps_no_broken_answer(gateway: Gateway, upstream: Upstream, pieces: list[bytes]) -> None:
    """An answer that broke off is told as such, and is not kept for the next one who asks."""
    upstream.script = lambda _seen, line: line.stream(pieces)
    question = chat(temperature=0, stream=True)
    for _ in range(2):
        answer = await gateway.ask(CHAT_PATH, question)
        assert b'"engine_died"' in answer.body
        assert DONE not in answer.body
        await gateway.settled()
    assert len(upstream.seen) == 2


async def test_a_connection_that_breaks_in_mid_stream_is_told(gateway: Gateway, upstream: Upstream) -> None:
    """An upstream that vanishes in mid-stream ends in an error event, and the reply has its proper end."""

    async def vanishes(seen: Seen, line: Line) -> None:
        await line.begin_stream()
        await line.piece(CHAT[0] + CHAT[1])
        line.reset()

    upstream.script = vanishes
    answer = await gateway.ask(CHAT_PATH, chat(stream=True))
    assert answer.status == 200
    assert b'data: {"error"' in answer.body
    assert DONE not in answer.body


async def test_an_answer_in_one_piece_that_breaks_off_is_an_error(gateway: Gateway, upstream: Upstream) -> None:
    """Half an answer never reaches a client as an answer."""

    async def breaks_off(seen: Seen, line: Line) -> None:
        await line.send(b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{"choices"')
        line.reset()

    upstream.script = breaks_off
    answer = await gateway.ask(CHAT_PATH, chat())
    assert (answer.status, answer.json["error"]["code"]) == (502, "upstream_failed")


async def test_a_model_whose_servers_are_gone_is_unavailable(tmp_path: Path, valkey: Path, redis: Redis) -> None:
    """A connection refused is 503 with a time to come back, in the model's dialect."""
    async with running_gateway(tmp_path, valkey, 1) as gateway:
        answer = await gateway.ask("/v1/messages", chat(max_tokens=1))
    assert (answer.status, answer.json["error"]["type"]) == (503, "overloaded_error")
    assert answer.headers["retry-after"]


async def test_a_daily_quota_bounds_the_answer_and_is_told(gateway: Gateway, redis: Redis, upstream: Upstream) -> None:
    """The engine gets a bound where the client stated none; headers say what is left, and a refusal why."""
    await redis.set(GENERATION, "1")
    answer = await gateway.ask(CHAT_PATH, chat(), tenant="daily")
    assert (answer.status, answer.headers["x-ratelimit-limit-tokens-day"]) == (200, "400")
    assert (answer.headers["x-ratelimit-limit-parallel"], answer.headers["x-ratelimit-remaining-parallel"]) == (
        "2",
        "1",
    )
    assert upstream.seen[0].json["max_completion_tokens"] == 100
    refused = await gateway.ask(CHAT_PATH, chat(max_tokens=1000), tenant="daily")
    assert (refused.status, refused.json["error"]["code"]) == (429, "insufficient_quota")
    await gateway.settled()
    told = gateway.runtime.metrics.render().decode()
    assert 'fairlead_ratelimit_rejected_total{scope="tenant",unit="tokens-day"} 1.0' in told


async def test_goes_on_without_redis(tmp_path: Path, upstream: Upstream) -> None:
    """Without Redis requests are answered, limits hold from memory, and nothing waits long."""
    async with running_gateway(tmp_path, tmp_path / "no.sock", upstream.port) as gateway:
        statuses = [(await gateway.ask(CHAT_PATH, chat(temperature=0), tenant="tiny")).status for _ in range(3)]
        assert statuses == [200, 200, 429]
        assert (await gateway.ask(CHAT_PATH, chat(stream=False))).status == 200


async def test_an_unknown_model_and_a_stranger_are_refused(gateway: Gateway, upstream: Upstream) -> None:
    """Who is not known, and what is not there, never reaches an upstream."""
    assert (await gateway.ask(CHAT_PATH, chat(model="other"))).status == 404
    assert (await gateway.ask(CHAT_PATH, chat(), tenant="unknown")).status == 401
    async with gateway.wire() as wire:
        await wire.post(CHAT_PATH, json.dumps(chat()).encode())
        refused = await wire.answer()
    assert (refused.status, refused.json["error"]["code"]) == (401, "invalid_api_key")
    assert upstream.seen == []


async def test_a_large_answer_passes(gateway: Gateway, upstream: Upstream) -> None:
    """Megabytes in one piece, and in one frame, arrive whole."""
    text = "x" * 5_000_000
    upstream.script = lambda _seen, line: line.json({"text": text})
    assert (await gateway.ask(CHAT_PATH, chat())).json == {"text": text}
    frame = chat_chunk(text)
    upstream.script = lambda _seen, line: line.stream([frame, DONE])
    assert (await gateway.ask(CHAT_PATH, chat(stream=True))).body == frame + DONE


async def test_counts_what_it_did(gateway: Gateway, upstream: Upstream) -> None:
    """Metrics tell requests, tokens and what runs now."""
    await gateway.ask(CHAT_PATH, chat())
    await gateway.ask(CHAT_PATH, chat(model="other"))
    await gateway.settled()
    told = gateway.runtime.metrics.render().decode()
    labels = 'code="200",model="demo",route="/v1/chat/completions",tenant="acme"'
    assert f"fairlead_request_total{{{labels}}} 1.0" in told
    assert 'fairlead_request_input_tokens_total{model="demo",tenant="acme"} 7.0' in told
    assert 'fairlead_request_output_tokens_total{model="demo",tenant="acme"} 3.0' in told
    assert 'fairlead_request_running{model="demo"} 0.0' in told
    assert 'code="404"' in told


async def test_a_burst_is_counted_exactly(gateway: Gateway, redis: Redis) -> None:
    """Many requests at once are all charged in Redis, more of them than there are connections to it."""
    answers = await asyncio.gather(*(gateway.ask(CHAT_PATH, chat(), tenant="counted") for _ in range(150)))
    assert {answer.status for answer in answers} == {200}
    await gateway.runtime.drain()
    assert await tokens_charged(redis, "counted") == 1500


async def test_counts_who_left_before_an_answer(gateway: Gateway, upstream: Upstream) -> None:
    """A client that leaves before it is answered is counted as such, not as an error of its own."""
    upstream.script = lambda _seen, line: line.left()
    async with gateway.wire() as wire:
        await wire.post(CHAT_PATH, json.dumps(chat()).encode(), token=gateway.token())
        await asyncio.wait_for(upstream.arrived.wait(), 5)
    await upstream.has_at_most(0)
    await gateway.settled()
    assert 'code="499",model="demo"' in gateway.runtime.metrics.render().decode()


@pytest.mark.parametrize("asked, most, sent", [({}, 4, 4), ({}, 1, None), ({"stream_interval": 1}, 4, 1)])
async def test_tokens_share_events_while_processors_are_short(
    *,
    tmp_path: Path,
    valkey: Path,
    redis: Redis,
    upstream: Upstream,
    monkeypatch: pytest.MonkeyPatch,
    asked: dict[str, Any],
    most: int,
    sent: int | None,
) -> None:
    """Under pressure the engine is asked to put tokens together, unless the operator or the client wants each alone."""
    pressure = tmp_path / "pressure"
    pressure.write_text("some avg10=75.00 avg60=0.00 avg300=0.00 total=1\n")
    monkeypatch.setattr("fairlead_gateway.assembly.PRESSURE_FILES", (pressure,))
    async with running_gateway(tmp_path, valkey, upstream.port, tokens_per_event=most) as gateway:
        await gateway.ask(CHAT_PATH, chat(stream=True, **asked))
        await gateway.ask(CHAT_PATH, chat())
    streamed, whole = (seen.json for seen in upstream.seen)
    assert streamed.get("stream_interval") == sent
    assert "stream_interval" not in whole


async def test_a_clients_own_deadline_does_not_make_work_free(
    gateway: Gateway, upstream: Upstream, redis: Redis
) -> None:
    """A request that its client gives no time has reached the engine: it counts, and its prompt is charged."""

    async def script(_: Seen, __: Line) -> None:
        await asyncio.Event().wait()

    upstream.script = script
    document = chat()
    answer = await gateway.ask(CHAT_PATH, document, tenant="counted", headers={"x-request-timeout-seconds": "0.3"})
    assert answer.status == 504
    await gateway.runtime.drain()
    assert await tokens_charged(redis, "counted") == -(-len(json.dumps(document["messages"])) // 4)
