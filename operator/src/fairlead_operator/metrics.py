"""The operator's own metrics."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from fairlead_contract import telemetry

_DURATIONS_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class OperatorMetrics:
    """Counters and gauges of one operator process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.reconciles = Counter(
            telemetry.OPERATOR_RECONCILES, "Looks at a ModelDeployment.", ["result"], registry=self.registry
        )
        self.errors = Counter(
            telemetry.OPERATOR_ERRORS, "Looks that failed, by the kind of error.", ["error"], registry=self.registry
        )
        self.duration_s = Histogram(
            telemetry.OPERATOR_DURATION_SECONDS,
            "Seconds that one look took, writes included.",
            buckets=_DURATIONS_S,
            registry=self.registry,
        )
        self.queue = Gauge(
            telemetry.OPERATOR_QUEUE_LENGTH, "ModelDeployments that wait to be looked at.", registry=self.registry
        )
        self.writes = Counter(
            telemetry.OPERATOR_WRITES, "Requests that change objects.", ["kind", "verb"], registry=self.registry
        )
        self.models = Gauge(telemetry.OPERATOR_MODELS, "ModelDeployments by phase.", ["phase"], registry=self.registry)
        self.replicas = Gauge(
            telemetry.OPERATOR_REPLICAS,
            "Replicas of a ModelDeployment, by state.",
            ["model", "state"],
            registry=self.registry,
        )
        self.conditions = Gauge(
            telemetry.OPERATOR_CONDITION,
            "1 while a condition of a ModelDeployment is True, else 0.",
            ["model", "condition"],
            registry=self.registry,
        )
        self.gateways = Gauge(telemetry.OPERATOR_GATEWAYS, "Gateways that tell how they route.", registry=self.registry)
