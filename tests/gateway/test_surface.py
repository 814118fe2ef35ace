"""Embeddings, scores and sound through a whole gateway; the engine is scripted."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from fairlead_contract.names import AUDIO_SECONDS_HEADER
from fairlead_gateway.endpoints import ENDPOINTS
from fairlead_gateway.ledger.entry import Entry, decode
from fairlead_gateway.ledger.keys import STREAM
from fairlead_gateway.limit_store import GENERATION
from tests.gateway.support.forms import FORM, SOUND, audio_form, form, part, wav
from tests.gateway.support.frames import DONE, data
from tests.gateway.support.gateway import TENANTS, Gateway, chat, models_of_all_tasks, running_gateway
from tests.gateway.support.upstream import Line, Seen, Upstream
from tests.gateway.support.wire import Answer
from tests.support.exposition import Exposition

PRICES = "prices: {embedder: {input: 1, output: 0}, whisper: {audioMinute: 0.006}}\n"
LIMITED = TENANTS.replace(
    "tenants:\n", "  poor: {tokensPerDay: 300, costPerDay: 0.07}\ntenants:\n  poor: {plan: poor}\n"
)
TRANSCRIPTIONS, TRANSLATIONS = "/v1/audio/transcriptions", "/v1/audio/translations"
HEARD = f"{AUDIO_SECONDS_HEADER}: 90\r\n"


async def engine(seen: Seen, line: Line) -> None:
    """Answer as vLLM does: tokens of texts, seconds of sound."""
    kind = seen.path.removeprefix("/").partition("/")[2]
    if kind.startswith("v1/audio/"):
        await line.answer(200, "application/json", b'{"text": "hear, hear"}', headers=HEARD)
    else:
        await line.json({"object": "list", "data": [], "usage": {"prompt_tokens": 12, "total_tokens": 12}})


@pytest.fixture
async def surface(tmp_path: Path, valkey: Path, redis: Redis, upstream: Upstream) -> AsyncIterator[Gateway]:
    """A gateway before a model of each task."""
    upstream.script = engine
    tenants = tmp_path / "surface-tenants.yaml"
    tenants.write_text(LIMITED + PRICES)
    routes = models_of_all_tasks(tmp_path, upstream.port)
    files = {"routes_file": routes, "tenants_file": tenants, "audio_bytes": 64 * 1024}
    async with running_gateway(tmp_path, valkey, upstream.port, **files) as gateway:
        yield gateway


async def send_form(
    gateway: Gateway, body: bytes, *, path: str = TRANSCRIPTIONS, tenant: str = "acme", **headers: str
) -> Answer:
    async with gateway.wire() as wire:
        await wire.post(path, body, token=gateway.token(tenant), headers={**FORM, **headers})
        return await wire.answer()


async def entries(redis: Redis, count: int) -> list[Entry]:
    """Wait for so many entries of the ledger."""
    found: list[Entry] = []
    last: Any = b"0"
    async with asyncio.timeout(10):
        while len(found) < count:
            read: Any = await redis.xread({STREAM: last}, block=5000)
            last = read[0][1][-1][0]
            found += [decode(next(iter(fields.values()))) for _, fields in read[0][1]]
    return found


@pytest.mark.parametrize(
    "path,body",
    [
        ("/v1/embeddings", {"model": "embedder", "input": ["a", "b"], "dimensions": 8}),
        ("/v1/rerank", {"model": "reranker", "query": "q", "documents": ["a", "b"], "top_n": 1}),
        ("/v2/rerank", {"model": "reranker", "query": "q", "documents": ["a", "b"]}),
        ("/v1/score", {"model": "reranker", "queries": "q", "documents": ["a", "b"]}),
    ],
)
async def test_texts_are_sent_to_the_models_engine(
    surface: Gateway, upstream: Upstream, redis: Redis, path: str, body: dict[str, Any]
) -> None:
    """What the client wrote reaches the engine, salted; the engine's count is charged, and a repetition is free."""
    first, second = await surface.ask(path, body), await surface.ask(path, body)
    assert (first.status, second.status) == (200, 200)
    assert first.headers["x-fairlead-cache"] == "miss"
    assert second.headers["x-fairlead-cache"] in {"hit", "shared"}  # the first may be settling still
    (seen,) = upstream.seen
    sent = seen.json
    assert seen.path == f"/{body['model']}{ENDPOINTS[path].upstream_path}"
    assert len(sent.pop("cache_salt")) > 20
    assert sent == body
    replayed, charged = sorted(await entries(redis, 2), key=lambda entry: entry.input_tokens)
    assert (charged.input_tokens, charged.output_tokens, charged.route) == (12, 0, path)
    assert (replayed.input_tokens, replayed.outcome) == (0, "cached")


@pytest.mark.parametrize(
    "path,body",
    [
        ("/v1/chat/completions", chat(model="embedder")),
        ("/v1/embeddings", {"model": "demo", "input": "a"}),
        ("/v1/embeddings", {"model": "reranker", "input": "a"}),
        ("/v1/score", {"model": "embedder", "text_1": "a", "text_2": "b"}),
        ("/v1/completions", {"model": "whisper", "prompt": "a"}),
    ],
)
async def test_a_route_for_another_task_is_refused(
    surface: Gateway, upstream: Upstream, path: str, body: dict[str, Any]
) -> None:
    """A model is not asked what it is not for; the client learns where it answers."""
    answer = await surface.ask(path, body)
    error = answer.json["error"]
    assert (answer.status, error["code"], error["param"]) == (400, "invalid_value", "model")
    wanted = {"demo": "/v1/chat/completions", "embedder": "/v1/embeddings", "reranker": "/v1/rerank"}
    assert wanted.get(body["model"], TRANSCRIPTIONS) in error["message"]
    assert upstream.seen == []


@pytest.mark.parametrize(
    "path,body,param",
    [
        ("/v1/embeddings", {"model": "embedder"}, "input"),
        ("/v1/embeddings", {"model": "embedder", "input": []}, "input"),
        ("/v1/embeddings", {"model": "embedder", "input": ["a"] * 2049}, "input"),
        ("/v1/embeddings", {"model": "embedder", "input": [{"role": "user", "content": "a"}]}, "input"),
        ("/v1/embeddings", {"model": "embedder", "input": "a", "dimensions": 0}, "dimensions"),
        ("/v1/embeddings", {"model": "embedder", "input": "a", "encoding_format": "bytes"}, "encoding_format"),
        ("/v1/embeddings", {"model": "embedder", "input": "a", "padding": "max_length"}, "padding"),
        ("/v1/embeddings", {"model": "embedder", "input": "a", "priority": 1}, "priority"),
        ("/v1/embeddings", {"model": "embedder", "input": "a", "temperature": 1}, "temperature"),
        ("/v1/rerank", {"model": "reranker", "query": "q"}, "documents"),
        ("/v1/rerank", {"model": "reranker", "query": ["q"], "documents": ["a"]}, "query"),
        ("/v1/rerank", {"model": "reranker", "query": "q", "documents": ["a"] * 1025}, "documents"),
        ("/v1/rerank", {"model": "reranker", "query": "q", "documents": [{"text": "a"}]}, "documents"),
        ("/v1/rerank", {"model": "reranker", "query": "q", "documents": ["a"], "top_n": -1}, "top_n"),
        ("/v1/score", {"model": "reranker", "text_1": "a"}, "queries"),
    ],
)
async def test_wrong_fields_are_refused(
    surface: Gateway, upstream: Upstream, path: str, body: dict[str, Any], param: str
) -> None:
    """A field that is missing, unknown or out of bounds is told by its name, and no engine is asked."""
    answer = await surface.ask(path, body)
    assert (answer.status, answer.json["error"]["param"]) == (400, param)
    assert upstream.seen == []


async def test_each_pair_counts_against_a_quota(surface: Gateway, upstream: Upstream, redis: Redis) -> None:
    """A short query before many documents is reserved as often as the engine may read it."""
    await redis.set(GENERATION, "1")
    documents = ["d"] * 4
    answer = await surface.ask(
        "/v1/rerank", {"model": "reranker", "query": "q" * 40, "documents": documents}, tenant="poor"
    )
    assert (answer.status, answer.json["error"]["code"]) == (429, "insufficient_quota")
    answer = await surface.ask("/v1/embeddings", {"model": "embedder", "input": "q" * 40}, tenant="poor")
    assert answer.status == 200
    assert len(upstream.seen) == 1


@pytest.mark.parametrize("path", [TRANSCRIPTIONS, TRANSLATIONS])
async def test_sound_is_sent_to_the_models_engine(
    surface: Gateway, upstream: Upstream, redis: Redis, path: str
) -> None:
    """The file arrives as it was sent, in a form of the gateway's own; its seconds are charged by the minute."""
    answer = await send_form(surface, audio_form([("model", "whisper"), ("language", "en")]), path=path)
    assert (answer.status, answer.json) == (200, {"text": "hear, hear"})
    assert AUDIO_SECONDS_HEADER not in answer.headers
    (seen,) = upstream.seen
    assert seen.path == f"/whisper{path}"
    assert seen.headers["content-type"].startswith("multipart/form-data; boundary=")
    assert SOUND in seen.body
    assert b"speech.wav" not in seen.body
    (entry,) = await entries(redis, 1)
    assert (entry.audio_seconds, entry.input_tokens, entry.output_tokens, entry.cost) == (90, 0, 0, 9_000_000)
    counted = Exposition(surface.runtime.metrics.render().decode())
    assert counted.total("fairlead_request_audio_seconds_total", model="whisper", tenant="acme") == 90


async def test_a_streamed_transcription_is_relayed_and_charged(
    surface: Gateway, upstream: Upstream, redis: Redis
) -> None:
    """Events go on as they come; the seconds are charged, though no event tells them."""
    event = data({"object": "transcription.chunk", "choices": [{"delta": {"content": "hear"}}]})

    async def streaming(_: Seen, line: Line) -> None:
        head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n"
        await line.send(f"{head}{HEARD}\r\n".encode())
        for piece in (event, event, DONE):
            await line.piece(piece)
        await line.end_stream()

    upstream.script = streaming
    answer = await send_form(surface, audio_form([("model", "whisper"), ("stream", "true")]))
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.body == event + event + DONE
    (entry,) = await entries(redis, 1)
    assert (entry.stream, entry.audio_seconds, entry.cost) == (True, 90, 9_000_000)


async def test_an_abandoned_transcription_costs_all_of_its_sound(
    surface: Gateway, upstream: Upstream, redis: Redis
) -> None:
    """The engine has heard everything before it writes its first word."""

    async def first_word(_: Seen, line: Line) -> None:
        head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n"
        await line.send(f"{head}{HEARD}\r\n".encode())
        await line.piece(data({"choices": [{"delta": {"content": "hear"}}]}))
        await line.left()

    upstream.script = first_word
    async with surface.wire() as wire:
        body = audio_form([("model", "whisper"), ("stream", "true")])
        await wire.post(TRANSCRIPTIONS, body, token=surface.token(), headers=FORM)
        await wire.head()
        await anext(wire.pieces())
        wire.reset()
    (entry,) = await entries(redis, 1)
    assert (entry.outcome, entry.audio_seconds) == ("aborted", 90)


@pytest.mark.parametrize("stream", ["true", "false"])
async def test_a_transcription_given_up_before_its_seconds_are_told_costs_what_its_file_says(
    surface: Gateway, upstream: Upstream, redis: Redis, stream: str
) -> None:
    """Who leaves before the replica has told how long the sound is pays for the seconds that its WAV file has."""
    upstream.script = lambda _, line: line.left()
    async with surface.wire() as wire:
        body = audio_form([("model", "whisper"), ("stream", stream)], file=wav(seconds=2.5, rate=8000))
        await wire.post(TRANSCRIPTIONS, body, token=surface.token(), headers=FORM)
        await upstream.arrived.wait()
        wire.reset()
    (entry,) = await entries(redis, 1)
    assert (entry.outcome, entry.audio_seconds, entry.cost) == ("aborted", 3, 300_000)


async def test_an_answer_that_is_too_large_is_the_clients_to_divide(
    surface: Gateway, upstream: Upstream, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told to send fewer texts, once for all who asked the same, and pays for the prompt that was read."""
    monkeypatch.setattr("fairlead_gateway.whole.MAX_ANSWER_BYTES", 1000)

    async def large(_: Seen, line: Line) -> None:
        await line.answer(200, "application/json", b"[" + b"0," * 1000 + b"0]")

    upstream.script = large
    answer = await surface.ask("/v1/embeddings", {"model": "embedder", "input": "a" * 400})
    assert (answer.status, answer.json["error"]["code"]) == (422, "answer_too_large")
    assert "fewer texts" in answer.json["error"]["message"]
    (entry,) = await entries(redis, 1)
    assert (entry.outcome, entry.error, entry.input_tokens) == ("aborted", "answer_too_large", 101)
    chatting = await surface.ask("/v1/chat/completions", chat())
    assert "Ask for a stream" in chatting.json["error"]["message"]


async def test_sound_is_bound_by_a_daily_quota_of_money(surface: Gateway, upstream: Upstream, redis: Redis) -> None:
    """The longest sound that an engine takes is reserved, and what was heard is charged."""
    await redis.set(GENERATION, "1")

    async def long(_: Seen, line: Line) -> None:
        headers = f"{AUDIO_SECONDS_HEADER}: 101\r\n"
        await line.answer(200, "application/json", b'{"text": ""}', headers=headers)

    upstream.script = long
    answers = [await send_form(surface, audio_form(), tenant="poor") for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 429, 429]
    assert answers[1].json["error"]["code"] == "insufficient_quota"


@pytest.mark.parametrize(
    "body,status,param",
    [
        (form(part("model", "whisper")), 400, "file"),
        (audio_form(()), 400, "model"),
        (audio_form(file=b""), 400, "file"),
        (audio_form([("model", "demo")]), 400, "model"),
        (audio_form([("model", "absent")]), 404, "model"),
        (audio_form([("model", "whisper"), ("stream", "perhaps")]), 400, "stream"),
        (audio_form([("model", "whisper"), ("temperature", "3")]), 400, "temperature"),
        (audio_form([("model", "whisper"), ("response_format", "srt")]), 400, "response_format"),
        (audio_form([("model", "whisper"), ("vllm_xargs", "{}")]), 400, "vllm_xargs"),
        (audio_form([("model", "whisper"), ("use_beam_search", "true")]), 400, "use_beam_search"),
        (audio_form([("model", "whisper"), ("chunking_strategy", "auto")]), 400, "chunking_strategy"),
        (audio_form([("model", "whisper"), ("colour", "blue")]), 400, "colour"),
        (audio_form()[:-4], 400, None),
        (audio_form(file=bytes(65 * 1024)), 413, None),
    ],
)
async def test_wrong_forms_are_refused(
    surface: Gateway, upstream: Upstream, body: bytes, status: int, param: str | None
) -> None:
    """A form without model or file, with wrong fields, broken or too large is refused, and no engine is asked."""
    answer = await send_form(surface, body)
    assert (answer.status, answer.json["error"]["param"]) == (status, param)
    assert upstream.seen == []


async def test_only_sound_may_be_large(surface: Gateway) -> None:
    """The larger bound of sound is its own: elsewhere bodies are bound as ever."""
    embedding = json.dumps({"model": "embedder", "input": "x" * (70 * 1024)}).encode()
    async with surface.wire() as wire:
        await wire.post("/v1/embeddings", embedding, token=surface.token())
        assert (await wire.answer()).status == 200
