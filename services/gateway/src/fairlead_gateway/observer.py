"""Turns requests that are over into metrics, log lines and the ledger: one record, so that they cannot disagree."""

from collections.abc import Callable

from fairlead_contract.errors import FairleadError
from fairlead_gateway.limits import LimitExceeded, Outcome
from fairlead_gateway.metrics import GatewayMetrics
from fairlead_gateway.prices import PriceList
from fairlead_gateway.record import Record


class Observer:
    """Told of every inference request: when it has been admitted, when it was refused, when it is over.

    Args:
        log: Writes one line per request; None where no such lines are wanted.
        prices: What models cost; None where nothing has a price.
        ledger: Keeps a record; None where no ledger is kept.
        traces: Turns the record of a request that is traced into spans; None where nothing is traced.
    """

    def __init__(
        self,
        metrics: GatewayMetrics,
        log: Callable[[Record], None] | None,
        *,
        prices: PriceList | None = None,
        ledger: Callable[[Record], None] | None = None,
        traces: Callable[[Record], None] | None = None,
    ) -> None:
        self._metrics = metrics
        self._log = log
        self._prices = prices
        self._ledger = ledger
        self._traces = traces

    def admitted(self, record: Record) -> None:
        """Count a request that begins to run."""
        self._metrics.call(record.model, record.path, record.tenant).started()

    def refused(self, record: Record, error: FairleadError | None = None) -> None:
        """Count a request that does not run."""
        record.outcome = Outcome.REFUSED
        self._metrics.refused(record.path, record.status, model=record.model, tenant=record.tenant)
        if isinstance(error, LimitExceeded):
            self._metrics.limited(error.bucket.scope, error.bucket.unit)
        self._keep(record)

    def finished(self, record: Record) -> None:
        """Count a request that ran."""
        if self._prices is not None:
            record.cost = self._prices.cost(record.model, record.usage)
        self._metrics.call(record.model, record.path, record.tenant).finished(
            record.status,
            duration_s=record.duration_s,
            ttft_s=record.first_byte_s,
            usage=record.usage,
            cost=record.cost,
            stream=record.stream,
        )
        self._metrics.cache(record.cache.value)
        self._keep(record)

    def _keep(self, record: Record) -> None:
        # Strangers are counted, not recorded: what they can make us write must be bounded.
        if self._ledger is not None and record.tenant:
            self._ledger(record)
        if self._log is not None:
            self._log(record)
        if self._traces is not None and record.trace is not None:
            self._traces(record)
