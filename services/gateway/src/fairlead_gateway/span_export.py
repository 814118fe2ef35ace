"""Sends spans to a collector, in a thread of its own: no request waits for a collector, and none is waited for by one.

What waits is bounded. What a collector that is slow or gone does not take is lost and counted, for a trace is worth
less than the memory in which it would have to wait.
"""

import asyncio
import logging
import threading
import time
from collections import deque
from contextlib import suppress
from typing import Final

from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from typing_extensions import override

from fairlead_gateway.record import Record
from fairlead_gateway.spans import resource, span_count, spans_of
from fairlead_gateway.trace_metrics import TraceMetrics

BATCH: Final = 64
"""Requests per export: building and packing them takes a few milliseconds, which the event loop has to share."""

PAUSE_S: Final = 0.5
"""How long a span waits for company."""

FLUSH_S: Final = 2.0
COMPLAINT_S: Final = 60.0

log = logging.getLogger(__name__)


class SpanExport:
    """The way of spans to a collector.

    Args:
        exporter: Sends a batch and says whether it was taken.
        capacity: Requests that may wait; of more, the new ones are lost.
    """

    def __init__(self, exporter: SpanExporter, metrics: TraceMetrics, *, capacity: int) -> None:
        self._exporter = exporter
        self._metrics = metrics
        self._capacity = capacity
        self._resource = resource()
        self._waiting: deque[Record] = deque()
        self._wake = threading.Event()
        self._closing = self._abandoned = False
        self._thread = threading.Thread(target=self._run, name="span-export", daemon=True)
        self._thread.start()

    def add(self, record: Record) -> None:
        """Take the record of a request that was traced; it takes no longer than an append."""
        if len(self._waiting) < self._capacity:
            self._waiting.append(record)
        else:
            self._lose([record], "buffer")
        if len(self._waiting) >= BATCH:
            self._wake.set()

    async def aclose(self, flush_s: float = FLUSH_S) -> None:
        """Send what still waits, for a while; what is left then is lost."""
        self._closing = True
        self._wake.set()
        await asyncio.to_thread(self._thread.join, flush_s)
        self._abandoned = True
        self._exporter.shutdown()
        while batch := self._next_batch():
            self._lose(batch, "shutdown")

    def _run(self) -> None:
        while not self._closing:
            self._wake.wait(PAUSE_S)
            self._wake.clear()
            self._export()
        self._export()

    def _export(self) -> None:
        while not self._abandoned and (batch := self._next_batch()):
            try:
                spans = [
                    span
                    for record in batch
                    if record.trace is not None
                    for span in spans_of(record, record.trace, self._resource)
                ]
                taken = self._exporter.export(spans) is SpanExportResult.SUCCESS
            except Exception:
                log.exception("spans could not be exported")
                taken = False
            if taken:
                self._metrics.exported(len(spans))
            else:
                self._lose(batch, "export")

    def _next_batch(self) -> list[Record]:
        """Take what waits, up to a batch; a record goes to one taker, also where the thread and the end both take."""
        batch: list[Record] = []
        with suppress(IndexError):
            while len(batch) < BATCH:
                batch.append(self._waiting.popleft())
        return batch

    def _lose(self, batch: list[Record], reason: str) -> None:
        lost = sum(span_count(record.trace) for record in batch if record.trace is not None)
        if lost:
            self._metrics.lost(lost, reason)


class Seldom(logging.Filter):
    """Lets one line a minute pass: an exporter complains of a lost collector with every batch."""

    def __init__(self) -> None:
        super().__init__()
        self._next_at = 0.0

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        now = time.monotonic()
        if now < self._next_at:
            return False
        self._next_at = now + COMPLAINT_S
        return True
