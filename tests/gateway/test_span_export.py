"""The way of spans to a collector, with collectors that fail in ways that a real one can hardly be made to."""

import asyncio
import threading
from collections.abc import Sequence

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from typing_extensions import override

from fairlead_gateway.endpoints import ENDPOINTS
from fairlead_gateway.metrics import GatewayMetrics
from fairlead_gateway.record import Record
from fairlead_gateway.span_export import SpanExport
from fairlead_gateway.trace_context import TraceContext
from fairlead_gateway.traces import MAX_ATTEMPTS, RequestTrace
from tests.gateway.builders import call, route
from tests.support.exposition import Exposition
from tests.support.waiting import eventually

PATH = "/v1/chat/completions"


class Collector(SpanExporter):
    """Takes what it is sent when it is let, or fails as told."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.failure = failure
        self.begun, self.open = threading.Event(), threading.Event()
        self.taken: list[ReadableSpan] = []

    @override
    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.begun.set()
        self.open.wait(30)
        if self.failure is not None:
            failure, self.failure = self.failure, None
            raise failure
        self.taken.extend(spans)
        return SpanExportResult.SUCCESS

    @override
    def shutdown(self) -> None:
        self.open.set()


def traced() -> Record:
    context = TraceContext("1" * 32, "2" * 16, sampled=True)
    return Record("req_1", PATH, tenant="acme", trace=RequestTrace(ENDPOINTS[PATH], None, context, 0.0))


def lost(metrics: GatewayMetrics, reason: str) -> float:
    return Exposition(metrics.render().decode()).total("fairlead_trace_spans_lost_total", reason=reason)


async def test_the_end_waits_for_no_collector() -> None:
    """A gateway that ends gives a hanging collector its time and no more; what is left is counted as lost."""
    metrics, collector = GatewayMetrics(), Collector()
    export = SpanExport(collector, metrics.traces, capacity=10)
    export.add(traced())
    assert await asyncio.to_thread(collector.begun.wait, 10)
    for _ in range(3):
        export.add(traced())
    await export.aclose(flush_s=0.01)
    assert lost(metrics, "shutdown") == 3


async def test_what_waits_at_the_end_is_sent() -> None:
    """A gateway that ends sends what still waits to a collector that answers."""
    metrics, collector = GatewayMetrics(), Collector()
    collector.open.set()
    export = SpanExport(collector, metrics.traces, capacity=10)
    for _ in range(3):
        export.add(traced())
    await export.aclose(flush_s=10)
    assert len(collector.taken) == 3
    assert lost(metrics, "shutdown") == 0


async def test_each_record_is_taken_once_at_the_end() -> None:
    """The thread and the end may take what waits at the same time: every record is sent or lost, and none twice."""
    metrics, collector = GatewayMetrics(), Collector()
    collector.open.set()
    for _ in range(20):
        export = SpanExport(collector, metrics.traces, capacity=1_000)
        for _ in range(1_000):
            export.add(traced())
        await export.aclose(flush_s=0.001)

    def all_told() -> bool:
        return len(collector.taken) + lost(metrics, "shutdown") == 20_000

    await asyncio.to_thread(eventually, all_told, within_s=20, what="20,000 spans sent or lost", pause_s=0.01)


async def test_an_export_that_trips_is_not_the_last(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever an exporter trips over costs its batch, which is counted, and the next one is sent."""
    metrics, collector = GatewayMetrics(), Collector(ValueError("a bug"))
    export = SpanExport(collector, metrics.traces, capacity=10)
    export.add(traced())
    assert await asyncio.to_thread(collector.begun.wait, 10)
    export.add(traced())
    collector.open.set()
    await export.aclose(flush_s=10)
    assert (lost(metrics, "export"), len(collector.taken)) == (1, 1)
    assert "spans could not be exported" in caplog.text


async def test_a_request_that_is_sent_often_stays_small() -> None:
    """Of a request that waits long for its model the last sendings are kept."""
    trace = traced().trace
    assert trace is not None
    sent = [trace.attempt(call(), route()).context.span_id for _ in range(MAX_ATTEMPTS + 5)]
    assert [attempt.context.span_id for attempt in trace.attempts] == sent[5:]
