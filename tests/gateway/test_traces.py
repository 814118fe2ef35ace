"""Traces of a whole gateway, as a collector gets them."""

import asyncio
import json
import logging
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from tests.gateway.support.frames import CHAT, CHAT_STREAM, ENGINE_ERROR
from tests.gateway.support.gateway import Gateway, chat, running_gateway
from tests.gateway.support.upstream import Line, Seen, Upstream, whole_answer
from tests.support.exposition import Exposition
from tests.support.otlp import CLIENT, ERROR, SERVER, UNSET, OtlpReceiver, ReceivedSpan, running_receiver
from tests.support.ports import free_port
from tests.support.waiting import eventually

CHAT_PATH = "/v1/chat/completions"
TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"
SAMPLED = f"00-{TRACE}-{SPAN}-01"


@pytest.fixture
def receiver() -> Iterator[OtlpReceiver]:
    with running_receiver() as receiver:
        yield receiver


@asynccontextmanager
async def traced(
    folder: Path, valkey: Path, upstream: Upstream, endpoint: str, **settings: Any
) -> AsyncIterator[Gateway]:
    """Run a gateway that records every request, unless told otherwise."""
    chosen = {"traces_ratio": 1, "traces_endpoint": endpoint, **settings}
    async with running_gateway(folder, valkey, upstream.port, **chosen) as gateway:
        yield gateway


@pytest.fixture
async def gateway(
    tmp_path: Path, valkey: Path, redis: Redis, upstream: Upstream, receiver: OtlpReceiver
) -> AsyncIterator[Gateway]:
    """A gateway that records every request."""
    async with traced(tmp_path, valkey, upstream, receiver.url) as gateway:
        yield gateway


async def arrived(receiver: OtlpReceiver, count: int) -> list[ReceivedSpan]:
    """Wait, beside the event loop, until so many spans have arrived."""
    return await asyncio.to_thread(receiver.wait_for, count)


async def counted(gateway: Gateway, metric: str, count: int) -> None:
    """Wait, beside the event loop, until a metric has come so far."""

    def total() -> bool:
        return Exposition(gateway.runtime.metrics.render().decode()).total(metric) == count

    await asyncio.to_thread(eventually, total, within_s=20, what=f"{metric} {count}", pause_s=0.05)


async def test_a_request_is_one_trace(gateway: Gateway, upstream: Upstream, receiver: OtlpReceiver) -> None:
    """A request is a span of the gateway and one below it of the call to its model, whose id the model is told."""
    await gateway.ask(CHAT_PATH, chat(max_tokens=50, temperature=1), headers={"x-request-id": "abc"})
    server, client = await arrived(receiver, 2)
    assert (server.name, server.kind, server.parent, server.status) == (f"POST {CHAT_PATH}", SERVER, "", UNSET)
    assert (client.name, client.kind, client.parent, client.status) == ("chat demo", CLIENT, server.span_id, UNSET)
    assert upstream.seen[0].headers["traceparent"] == f"00-{server.trace_id}-{client.span_id}-01"
    assert server.trace_id == client.trace_id
    assert server.began_ns <= client.began_ns <= client.ended_ns
    assert server.resource["service.name"] == "fairlead-gateway"
    usage = {
        "gen_ai.usage.input_tokens": 7,
        "gen_ai.usage.output_tokens": 3,
        "gen_ai.usage.cache_read.input_tokens": 0,
    }
    queue_s = server.attributes.pop("fairlead.queue_seconds")
    assert isinstance(queue_s, float)
    assert server.attributes == {
        "http.request.method": "POST",
        "http.route": CHAT_PATH,
        "url.path": CHAT_PATH,
        "url.scheme": "http",
        "http.response.status_code": 200,
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "vllm",
        "gen_ai.request.model": "demo",
        "gen_ai.request.stream": False,
        "fairlead.request_id": "abc",
        "fairlead.tenant": "acme",
        "fairlead.model": "demo",
        "fairlead.outcome": "completed",
        "fairlead.cache": "bypass",
        "fairlead.revision": "r1",
        **usage,
    }
    assert client.attributes == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "vllm",
        "gen_ai.request.model": "demo",
        "gen_ai.response.model": "demo",
        "gen_ai.request.stream": False,
        "gen_ai.request.max_tokens": 50,
        "server.address": "127.0.0.1",
        "server.port": upstream.port,
        "http.request.method": "POST",
        "http.response.status_code": 200,
        "fairlead.model": "demo",
        "fairlead.outcome": "completed",
        **usage,
    }


async def test_a_clients_trace_is_continued(gateway: Gateway, upstream: Upstream, receiver: OtlpReceiver) -> None:
    """The gateway's span is a child of the client's, in the client's trace, and its state goes along."""
    await gateway.ask(CHAT_PATH, chat(), headers={"traceparent": SAMPLED, "tracestate": "vendor=1, other=2"})
    server, client = await arrived(receiver, 2)
    assert (server.trace_id, server.parent, server.state) == (TRACE, SPAN, "vendor=1,other=2")
    assert (client.trace_id, client.parent) == (TRACE, server.span_id)
    assert upstream.seen[0].headers["traceparent"] == f"00-{TRACE}-{client.span_id}-01"
    assert upstream.seen[0].headers["tracestate"] == "vendor=1,other=2"


@pytest.mark.parametrize("parent", [f"00-{'0' * 32}-{SPAN}-01", f"ff-{TRACE}-{SPAN}-01", "nonsense", SAMPLED + "-x"])
async def test_a_malformed_context_is_ignored(
    gateway: Gateway, upstream: Upstream, receiver: OtlpReceiver, parent: str
) -> None:
    """What is no trace context begins a trace of our own, and nothing of it goes anywhere."""
    await gateway.ask(CHAT_PATH, chat(), headers={"traceparent": parent, "tracestate": "vendor=1"})
    server, _ = await arrived(receiver, 2)
    assert (server.parent, server.state) == ("", "")
    assert server.trace_id != TRACE
    assert "tracestate" not in upstream.seen[0].headers


async def test_what_is_not_sampled_is_not_sent(gateway: Gateway, upstream: Upstream, receiver: OtlpReceiver) -> None:
    """A client that decided against recording is followed: its context goes on as it was, and no span is made."""
    unsampled = f"00-{TRACE}-{SPAN}-00"
    await gateway.ask(CHAT_PATH, chat(), headers={"traceparent": unsampled, "tracestate": "vendor=1"})
    assert upstream.seen[0].headers["traceparent"] == unsampled
    assert upstream.seen[0].headers["tracestate"] == "vendor=1"
    await gateway.ask(CHAT_PATH, chat())
    assert TRACE not in {span.trace_id for span in await arrived(receiver, 2)}


async def test_a_share_is_recorded(
    tmp_path: Path, valkey: Path, redis: Redis, upstream: Upstream, receiver: OtlpReceiver
) -> None:
    """With a ratio of 0 only those are recorded whose clients want it, and no model is told of the others."""
    async with traced(tmp_path, valkey, upstream, receiver.url, traces_ratio=0) as gateway:
        for _ in range(20):
            await gateway.ask(CHAT_PATH, chat())
        await gateway.ask(CHAT_PATH, chat(), headers={"traceparent": SAMPLED})
        assert {span.trace_id for span in await arrived(receiver, 2)} == {TRACE}
    assert [seen for seen in upstream.seen[:20] if "traceparent" in seen.headers] == []


async def test_recording_is_bounded_whoever_wants_it(
    tmp_path: Path, valkey: Path, redis: Redis, upstream: Upstream, receiver: OtlpReceiver
) -> None:
    """Past the bound per second clients' wishes are not granted, models are told so, and it is counted."""
    async with traced(tmp_path, valkey, upstream, receiver.url, traced_requests=1) as gateway:
        parents = [f"00-{number:032x}-{SPAN}-01" for number in range(1, 11)]
        await asyncio.gather(*(gateway.ask(CHAT_PATH, chat(), headers={"traceparent": parent}) for parent in parents))
        told = [seen.headers["traceparent"] for seen in upstream.seen]
        recorded = sum(parent.endswith("-01") for parent in told)
        assert 1 <= recorded < 10
        assert len(await arrived(receiver, 2 * recorded)) == 2 * recorded
        assert f"fairlead_traces_limited_total {10 - recorded}.0" in gateway.runtime.metrics.render().decode()


async def test_a_retry_is_a_span_of_its_own(gateway: Gateway, upstream: Upstream, receiver: OtlpReceiver) -> None:
    """A connection that led to nobody and the next one are two spans; the model's is a child of the second."""

    async def script(seen: Seen, line: Line) -> None:
        if len(upstream.seen) == 2:
            line.close()
        else:
            await whole_answer(seen, line)

    upstream.script = script
    await gateway.ask(CHAT_PATH, chat())
    await gateway.ask(CHAT_PATH, chat())
    _, _, server, stale, again = await arrived(receiver, 5)
    assert (stale.kind, stale.parent, again.parent) == (CLIENT, server.span_id, server.span_id)
    assert (stale.status, stale.attributes["error.type"]) == (ERROR, "stale_connection")
    assert (again.status, again.attributes["http.request.resend_count"]) == (UNSET, 1)
    assert stale.ended_ns <= again.began_ns
    assert upstream.seen[2].headers["traceparent"] == f"00-{server.trace_id}-{again.span_id}-01"
    assert "gen_ai.usage.output_tokens" not in stale.attributes


async def test_a_model_that_is_not_there_is_an_error(
    tmp_path: Path, valkey: Path, redis: Redis, receiver: OtlpReceiver
) -> None:
    """Both sendings to a port on which nobody listens are errors, and so is the request."""
    async with traced(tmp_path, valkey, Upstream(whole_answer, port=free_port()), receiver.url) as gateway:
        assert (await gateway.ask(CHAT_PATH, chat())).status == 503
        server, refused, again = await arrived(receiver, 3)
    assert (server.status, server.attributes["http.response.status_code"]) == (ERROR, 503)
    assert [span.status for span in (refused, again)] == [ERROR, ERROR]
    assert refused.attributes["error.type"] == "connection_refused"
    assert again.attributes["error.type"] == server.attributes["error.type"] == "model_unavailable"


async def test_a_mistake_of_the_client_is_no_failure(
    gateway: Gateway, upstream: Upstream, receiver: OtlpReceiver
) -> None:
    """A refused request says why and is no error of the server; nobody was called for it."""
    await gateway.ask(CHAT_PATH, chat(model="other"))
    (span,) = await arrived(receiver, 1)
    assert (span.status, span.attributes["error.type"]) == (UNSET, "model_not_found")
    assert (span.attributes["http.response.status_code"], span.attributes["fairlead.outcome"]) == (404, "refused")
    assert "gen_ai.request.model" not in span.attributes


async def test_strangers_are_not_recorded(gateway: Gateway, receiver: OtlpReceiver) -> None:
    """Who is nobody makes no span, whatever trace it claims to belong to."""
    async with gateway.wire() as wire:
        await wire.post(CHAT_PATH, b"{}", token="nobody", headers={"traceparent": SAMPLED})
        assert (await wire.answer()).status == 401
    await gateway.ask(CHAT_PATH, chat())
    assert TRACE not in {span.trace_id for span in await arrived(receiver, 2)}


async def test_a_stream_tells_its_first_token(gateway: Gateway, upstream: Upstream, receiver: OtlpReceiver) -> None:
    """A stream's spans say how long its first piece took."""

    async def script(_: Seen, line: Line) -> None:
        await asyncio.sleep(0.05)  # by the clock, which is what is tested
        await line.stream([CHAT_STREAM])

    upstream.script = script
    await gateway.ask(CHAT_PATH, chat(stream=True))
    server, client = await arrived(receiver, 2)
    first_s, from_model_s = (span.attributes["gen_ai.response.time_to_first_chunk"] for span in (server, client))
    assert isinstance(first_s, float)
    assert isinstance(from_model_s, float)
    assert 0.04 < from_model_s <= first_s <= (server.ended_ns - server.began_ns) / 1e9 + 1e-6
    assert client.attributes["gen_ai.request.stream"] is True
    assert client.attributes["gen_ai.usage.output_tokens"] == 3


async def test_a_stream_that_breaks_off_is_an_error(
    gateway: Gateway, upstream: Upstream, receiver: OtlpReceiver
) -> None:
    """A stream with status 200 that ends in an error event is an error all the same."""
    upstream.script = lambda _seen, line: line.stream([CHAT[0], CHAT[1], ENGINE_ERROR])
    await gateway.ask(CHAT_PATH, chat(stream=True))
    server, client = await arrived(receiver, 2)
    assert (server.status, server.attributes["http.response.status_code"]) == (ERROR, 200)
    assert client.status == ERROR
    assert client.attributes["error.type"] == server.attributes["error.type"] == "engine_died"
    assert client.attributes["fairlead.outcome"] == "failed"


async def test_who_leaves_is_no_error(gateway: Gateway, upstream: Upstream, receiver: OtlpReceiver) -> None:
    """A client that leaves ends its spans as aborted, without a failure and without a status that nobody saw."""
    upstream.script = lambda _seen, line: line.left()
    async with gateway.wire() as wire:
        await wire.post(CHAT_PATH, json.dumps(chat()).encode(), token=gateway.token())
        await asyncio.wait_for(upstream.arrived.wait(), 5)
    server, client = await arrived(receiver, 2)
    assert (server.status, client.status) == (UNSET, UNSET)
    assert server.attributes["fairlead.outcome"] == client.attributes["fairlead.outcome"] == "aborted"
    assert "http.response.status_code" not in server.attributes
    assert client.ended_ns > client.began_ns


async def test_a_kept_answer_calls_nobody(gateway: Gateway, receiver: OtlpReceiver) -> None:
    """An answer from the cache is one span, which says so."""
    for count in (2, 3):
        await gateway.ask(CHAT_PATH, chat(temperature=0))
        spans = await arrived(receiver, count)
    assert [span.attributes.get("fairlead.cache") for span in spans if span.kind == SERVER] == ["miss", "hit"]
    assert spans[2].kind == SERVER


async def test_no_content_is_in_a_span(gateway: Gateway, upstream: Upstream, receiver: OtlpReceiver) -> None:
    """What was asked, what was answered and what lets a client in is in no byte that a collector gets."""

    async def script(_: Seen, line: Line) -> None:
        message = {"role": "assistant", "content": "canary-answer"}
        await line.json({"model": "canary-model", "choices": [{"message": message}], "usage": {"prompt_tokens": 1}})

    upstream.script = script
    question = [{"role": "user", "content": "canary-question"}]
    await gateway.ask(CHAT_PATH, chat(messages=question, user="canary-user"), headers={"cookie": "canary-cookie"})
    upstream.script = lambda _seen, line: line.json({"error": {"message": "canary-error", "code": 400}}, 400)
    await gateway.ask(CHAT_PATH, chat(messages=question, stop=["canary-stop"]))
    await gateway.ask(CHAT_PATH, chat(model="canary-name"))
    await arrived(receiver, 5)
    sent = b"".join(receiver.raw)
    assert b"fairlead.tenant" in sent
    assert b"canary" not in sent
    assert gateway.token().rsplit(".", 1)[-1].encode() not in sent


async def test_a_log_line_names_its_trace(
    *,
    tmp_path: Path,
    valkey: Path,
    redis: Redis,
    upstream: Upstream,
    receiver: OtlpReceiver,
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    """The access log says to which trace a recorded request belongs, and of others that there is none."""
    async with traced(tmp_path, valkey, upstream, receiver.url, traces_ratio=0, access_log=True) as gateway:
        await gateway.ask(CHAT_PATH, chat(), headers={"traceparent": SAMPLED, "x-request-id": "recorded"})
        await gateway.ask(CHAT_PATH, chat(), headers={"x-request-id": "other"})
        await gateway.runtime.drain()
    lines = [json.loads(line) for line in capfdbinary.readouterr().err.splitlines() if line.startswith(b"{")]
    assert {line["request_id"]: line["trace_id"] for line in lines} == {"recorded": TRACE, "other": None}


async def test_a_collector_that_hangs_delays_nobody(
    tmp_path: Path, valkey: Path, redis: Redis, upstream: Upstream, receiver: OtlpReceiver
) -> None:
    """While a collector holds its answer back requests are answered; what the buffer cannot take is counted as lost."""
    release, held = threading.Event(), threading.Event()

    def hang() -> int:
        held.set()
        release.wait(30)
        return 200

    receiver.answer = hang
    async with traced(tmp_path, valkey, upstream, receiver.url, traces_buffer=5) as gateway:
        await gateway.ask(CHAT_PATH, chat())
        assert await asyncio.to_thread(held.wait, 10)
        answers = await asyncio.gather(*(gateway.ask(CHAT_PATH, chat()) for _ in range(20)))
        assert {answer.status for answer in answers} == {200}
        assert not receiver.spans
        await counted(gateway, "fairlead_trace_spans_lost_total", 30)
        release.set()
        await arrived(receiver, 12)


async def test_what_a_collector_refuses_is_counted(
    *,
    tmp_path: Path,
    valkey: Path,
    redis: Redis,
    upstream: Upstream,
    receiver: OtlpReceiver,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Spans that a collector does not take are counted as lost, the others as exported; the log complains once."""
    receiver.answer = lambda: 400
    async with traced(tmp_path, valkey, upstream, receiver.url) as gateway:
        for count in (1, 2):
            await gateway.ask(CHAT_PATH, chat())
            await counted(gateway, "fairlead_trace_spans_lost_total", 2 * count)
        receiver.answer = lambda: 200
        await gateway.ask(CHAT_PATH, chat())
        await counted(gateway, "fairlead_trace_spans_exported_total", 2)
    complaints = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(complaints) == 1
    assert "code: 400" in complaints[0].getMessage()
