"""Turns finished requests into metrics and log lines."""

from collections.abc import Callable

from fairlead_contract.errors import FairleadError
from fairlead_gateway.limits import LimitExceeded
from fairlead_gateway.metrics import GatewayMetrics
from fairlead_gateway.record import Record


class Observer:
    """Told of every inference request: when it has been admitted, when it was refused, when it is over.

    Args:
        log: Writes one line per request; None where no such lines are wanted.
    """

    def __init__(self, metrics: GatewayMetrics, log: Callable[[Record], None] | None) -> None:
        self._metrics = metrics
        self._log = log

    def admitted(self, record: Record) -> None:
        """Count a request that begins to run."""
        self._metrics.call(record.model, record.path, record.tenant).started()

    def refused(self, record: Record, error: FairleadError) -> None:
        """Count a request that does not run."""
        self._metrics.refused(record.path, record.status)
        if isinstance(error, LimitExceeded):
            self._metrics.limited(error.bucket.scope, error.bucket.unit)
        if self._log is not None:
            self._log(record)

    def finished(self, record: Record) -> None:
        """Count a request that ran."""
        self._metrics.call(record.model, record.path, record.tenant).finished(
            record.status, duration_s=record.duration_s, ttft_s=record.first_byte_s, usage=record.usage
        )
        self._metrics.cache(record.cache.value)
        if self._log is not None:
            self._log(record)
