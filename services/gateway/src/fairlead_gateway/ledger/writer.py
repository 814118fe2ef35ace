"""Writes the ledger behind the requests' backs: they append to memory, a task writes batches to Redis.

While Redis is lost the records wait, up to a bound; beyond it the oldest are dropped and counted. A batch whose fate is
unknown, because Redis did not answer, is sent again under its number until it is answered, and Redis takes each number
once (`lua/ledger.lua`): nothing is lost within the bound, nothing is counted twice.
"""

import asyncio
import logging
import secrets
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Final

from fairlead_gateway.ledger.batch import DAY_S, WRITE, Batch, Retention
from fairlead_gateway.ledger.entry import entry_of
from fairlead_gateway.ledger.keys import STREAM
from fairlead_gateway.ledger_metrics import LedgerMetrics
from fairlead_gateway.record import Record
from fairlead_gateway.redis_link import RedisLink, RedisLost

INTERVAL_S: Final = 0.5
RETRY_S: Final = 0.1
TRIM_INTERVAL_S: Final = 60.0
BATCH_RECORDS: Final = 100
"""Redis does nothing else while it takes a batch: half a millisecond for so many, which limits can wait."""

log = logging.getLogger(__name__)


class LedgerWriter:
    """Takes records, and writes them.

    Args:
        redis: A link of its own, so that no request's command waits behind a batch.
        capacity: Most records that wait.
        clock: Unix seconds.
    """

    def __init__(
        self,
        redis: RedisLink,
        metrics: LedgerMetrics,
        *,
        retention: Retention,
        capacity: int,
        batch_records: int = BATCH_RECORDS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._redis = redis
        self._metrics = metrics
        self._retention = retention
        self._capacity = capacity
        self._batch_records = batch_records
        self._clock = clock
        self._id = secrets.token_hex(8)
        self._waiting: deque[Record] = deque()
        self._batch = Batch(self._id, 0, ())
        self._trimmed_at_s = 0.0
        self._told = False
        metrics.buffered(lambda: self.depth)

    @property
    def depth(self) -> int:
        """How many records are not known to be written."""
        return len(self._waiting) + len(self._batch.entries)

    def append(self, record: Record) -> None:
        """Take a record of a request that is over; it is not changed any more."""
        if len(self._waiting) >= self._capacity:
            self._waiting.popleft()
            self._metrics.dropped(1)
        self._waiting.append(record)

    async def run(self, interval_s: float = INTERVAL_S) -> None:
        """Write and trim until cancelled."""
        while True:
            await asyncio.sleep(interval_s)
            try:
                await self.write()
                await self._trim_when_due()
                self._told = False
            except RedisLost as error:
                self._tell_once(error)
            except Exception:  # what is owed must be written whatever went wrong once
                log.exception("the ledger could not be written; it is tried again")

    async def write(self) -> None:
        """Write all that waits.

        Raises:
            RedisLost: Not all of it is known to be written; call again.
        """
        while self._next():
            batch = self._batch
            await self._redis.run_script(WRITE, *batch.command(self._today(), self._retention))
            self._metrics.written(len(batch.entries))
            self._batch = Batch(self._id, batch.number, ())

    async def trim(self) -> None:
        """Drop entries beyond their age or number; their daily sums were written with them.

        Raises:
            RedisLost: Redis does not answer.
        """
        oldest_ms = int((self._clock() - self._retention.entry_days * DAY_S) * 1000)
        await self._redis.run("XTRIM", STREAM, "MINID", max(oldest_ms, 0))
        await self._redis.run("XTRIM", STREAM, "MAXLEN", "~", self._retention.entries)

    async def flush(self, limit_s: float) -> None:
        """Write what still waits before the end; what cannot be written in time is lost, and told."""
        try:
            async with asyncio.timeout(limit_s):
                while self.depth:
                    try:
                        await self.write()
                    except RedisLost:
                        await asyncio.sleep(RETRY_S)
        except TimeoutError:
            log.error("ledger: %d records could not be written in %g s and are lost", self.depth, limit_s)  # noqa: TRY400
            self._metrics.dropped(self.depth)

    def _next(self) -> bool:
        """Have a batch to write: the one in doubt, or the next; return whether there is one."""
        if not self._batch.entries and self._waiting:
            count = min(len(self._waiting), self._batch_records)
            entries = [entry_of(self._waiting.popleft()) for _ in range(count)]
            self._batch = Batch(self._id, self._batch.number + 1, entries)
        return bool(self._batch.entries)

    async def _trim_when_due(self) -> None:
        now_s = self._clock()
        if now_s - self._trimmed_at_s >= TRIM_INTERVAL_S:
            await self.trim()
            self._trimmed_at_s = now_s

    def _tell_once(self, error: RedisLost) -> None:
        if not self._told:
            log.warning("the ledger waits for Redis: %s; up to %d records are kept", error, self._capacity)
        self._told = True

    def _today(self) -> date:
        return datetime.fromtimestamp(self._clock(), UTC).date()
