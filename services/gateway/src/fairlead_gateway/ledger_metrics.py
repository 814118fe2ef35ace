"""The metrics of the ledger, and of what it counts in money."""

from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector
from typing_extensions import override

from fairlead_contract import telemetry
from fairlead_gateway.costs import BILLION


class CostMetric(Collector):
    """What was spent, by model and tenant, summed in whole billionths; only what is shown is a floating-point number.

    Its labels are bounded by whoever adds to it.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._spent: dict[tuple[str, str], int] = {}
        registry.register(self)

    def add(self, model: str, tenant: str, billionths: int) -> None:
        """Count a request's cost."""
        key = (model, tenant)
        self._spent[key] = self._spent.get(key, 0) + billionths

    @override
    def collect(self) -> Iterator[CounterMetricFamily]:
        family = CounterMetricFamily(
            telemetry.GATEWAY_COST, "Cost in the currency of the declared prices", labels=("model", "tenant")
        )
        for labels, billionths in list(self._spent.items()):
            family.add_metric(labels, billionths / BILLION)
        yield family


class LedgerMetrics:
    """How far the ledger is behind, and what it lost."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._buffered = Gauge(telemetry.LEDGER_BUFFERED, "Records that wait to be written", registry=registry)
        self._written = Counter(telemetry.LEDGER_WRITTEN, "Records written", registry=registry)
        self._dropped = Counter(telemetry.LEDGER_DROPPED, "Records lost, because too many waited", registry=registry)

        self._at_risk = Gauge(
            telemetry.LEDGER_AT_RISK,
            "1 where a setting of the ledger's Redis may lose records, 0 where it does not",
            ("setting",),
            registry=registry,
        )

    def buffered(self, depth: Callable[[], int]) -> None:
        """Ask a function for the number of records that wait, at each scrape."""
        self._buffered.set_function(depth)

    def written(self, records: int) -> None:
        """Count records that Redis has taken."""
        self._written.inc(records)

    def dropped(self, records: int) -> None:
        """Count records that are lost."""
        self._dropped.inc(records)

    def at_risk(self, setting: str, *, at_risk: bool) -> None:
        """Take down whether a setting of Redis endangers the ledger."""
        self._at_risk.labels(setting).set(at_risk)
