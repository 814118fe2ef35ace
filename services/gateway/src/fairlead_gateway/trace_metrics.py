"""What became of traces: how many spans arrived at the collector, and how many were lost on the way."""

from prometheus_client import CollectorRegistry, Counter

from fairlead_contract import telemetry


class TraceMetrics:
    """How the export of spans fares."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._exported = Counter(
            telemetry.TRACE_SPANS_EXPORTED, "Spans that the collector has taken", registry=registry
        )
        self._lost = Counter(
            telemetry.TRACE_SPANS_LOST, "Spans that no collector has got", ("reason",), registry=registry
        )
        self._limited = Counter(
            telemetry.TRACE_LIMITED, "Requests not recorded, for too many were in that second", registry=registry
        )

    def exported(self, spans: int) -> None:
        """Count spans that the collector has taken."""
        self._exported.inc(spans)

    def lost(self, spans: int, reason: str) -> None:
        """Count spans that are lost: buffer (too many waited), export (not taken) or shutdown (no time left)."""
        self._lost.labels(reason).inc(spans)

    def limited(self) -> None:
        """Count a request that was not recorded because of the bound per second."""
        self._limited.inc()
