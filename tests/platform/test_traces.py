"""Traces of a real platform: what a collector learns of one request."""

import uuid
from collections.abc import Iterator

import httpx2
import pytest

from tests.platform.test_secrecy import files_with
from tests.support.otlp import CLIENT, SERVER, OtlpReceiver, ReceivedSpan
from tests.support.platform import DEMO_MODEL, Platform
from tests.support.waiting import eventually

pytestmark = pytest.mark.platform

PARENT = "b7ad6b7169203331"
SPANS = 3
ENGINE = "fairlead-engine"


class Traced:
    """Requests that a client wants to be recorded."""

    def __init__(self, platform: Platform, collector: OtlpReceiver) -> None:
        self._platform = platform
        self._collector = collector
        self.traces: set[str] = set()

    def ask(self, path: str, **body: object) -> tuple[httpx2.Response, list[ReceivedSpan]]:
        """Send a request; return its answer and its spans, each before its child."""
        trace = uuid.uuid4().hex
        self.traces.add(trace)
        answer = httpx2.post(
            self._platform.url + path,
            json={"model": DEMO_MODEL, **body},
            headers=self._platform.headers() | {"traceparent": f"00-{trace}-{PARENT}-01", "x-request-id": trace},
            timeout=60,
        )
        eventually(lambda: len(self._collector.of(trace)) >= SPANS, within_s=20, what=f"spans of {path}")
        children = {span.parent: span for span in self._collector.of(trace)}
        chain, parent = [], PARENT
        while (span := children.pop(parent, None)) is not None:
            chain.append(span)
            parent = span.span_id
        assert not children, f"these belong to no span of the gateway: {children}"
        return answer, chain


@pytest.fixture(scope="module")
def traced(platform: Platform, collector: OtlpReceiver) -> Iterator[Traced]:
    """Requests to the platform; when all are done, the collector has heard of no other trace."""
    requests = Traced(platform, collector)
    platform.chat("Nobody asked for a trace of this", max_tokens=2)
    yield requests
    assert {span.trace_id for span in collector.spans} == requests.traces


@pytest.mark.parametrize(
    "path, body",
    [
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 5}),
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 5, "stream": True}),
        ("/v1/completions", {"prompt": "Fairlead is", "max_tokens": 5}),
        ("/v1/responses", {"input": "Hello", "max_output_tokens": 5}),
        ("/v1/messages", {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 5}),
    ],
    ids=["chat", "stream", "completion", "response", "message"],
)
def test_a_request_is_one_trace_from_client_to_engine(traced: Traced, path: str, body: dict[str, object]) -> None:
    """The engine's span is a child of the gateway's call, that of the gateway's own, that of the client's."""
    answer, spans = traced.ask(path, **body)
    assert answer.status_code == httpx2.codes.OK
    gateway, call, engine = spans
    assert [span.kind for span in spans] == [SERVER, CLIENT, SERVER]
    assert (gateway.name, engine.name) == (f"POST {path}", "llm_request")
    assert [span.resource["service.name"] for span in spans] == ["fairlead-gateway", "fairlead-gateway", ENGINE]
    assert gateway.attributes["gen_ai.request.model"] == call.attributes["gen_ai.request.model"] == DEMO_MODEL
    assert gateway.attributes["fairlead.model"] == engine.resource["fairlead.model"] == "demo"
    used = [call.attributes[f"gen_ai.usage.{kind}_tokens"] for kind in ("input", "output")]
    assert used == [engine.attributes[f"gen_ai.usage.{kind}_tokens"] for kind in ("prompt", "completion")]
    assert ("gen_ai.response.time_to_first_chunk" in call.attributes) == bool(body.get("stream"))


def test_content_is_in_no_span_and_no_log(traced: Traced, platform: Platform, collector: OtlpReceiver) -> None:
    """Neither question nor answer is in what the gateway and the engine tell the collector, nor in their logs."""
    word = f"canary{uuid.uuid4().hex}"
    question = [{"role": "user", "content": word}]
    answer, spans = traced.ask("/v1/chat/completions", messages=question, max_tokens=20, stop=[word], user=word)
    said = answer.json()["choices"][0]["message"]["content"]
    assert len(said) > 8
    sent = b"".join(collector.raw)
    assert bytes.fromhex(spans[0].trace_id) in sent
    assert word.encode() not in sent
    assert said.encode() not in sent
    assert platform.token.encode() not in sent
    assert files_with(word, [platform.home / "logs", *(platform.home / "ray").glob("session_*/logs")]) == []


def test_a_line_of_the_log_leads_to_the_trace(traced: Traced, platform: Platform) -> None:
    """The gateway's access log names the trace of a request that was recorded."""
    _, spans = traced.ask("/v1/completions", prompt="The", max_tokens=2)
    trace = spans[0].trace_id
    lines = (platform.home / "logs" / "gateway.log").read_text().splitlines()
    assert [f'"trace_id":"{trace}"' in line for line in lines if f'"request_id":"{trace}"' in line] == [True]
