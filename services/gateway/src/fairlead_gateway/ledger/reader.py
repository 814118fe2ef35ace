"""Answers questions about the ledger: sums by day, model and key, and single requests."""

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from fairlead_contract.errors import LedgerUnavailable
from fairlead_gateway.ledger.entry import Entry, decode
from fairlead_gateway.ledger.keys import STREAM, index_field, index_key, sums_key, tenants_key
from fairlead_gateway.ledger.sums import Group, Sums, from_fields
from fairlead_gateway.redis_link import RedisLink, RedisLost


class Use(NamedTuple):
    """What one group of a tenant's requests came to on one day."""

    day: date
    tenant: str
    group: Group
    sums: Sums


@dataclass(frozen=True, slots=True)
class LedgerReader:
    """Reads what the gateways have written.

    Attributes:
        redis: A link of its own, so that no request waits behind a long answer.
        entry_days: Days for which single requests are kept.
        clock: Unix seconds.
    """

    redis: RedisLink
    entry_days: int
    clock: Callable[[], float] = time.time

    def today(self) -> date:
        """Return the current UTC day."""
        return datetime.fromtimestamp(self.clock(), UTC).date()

    async def usage(self, first: date, last: date, tenant: str | None) -> list[Use]:
        """Return the sums of some days, both ends included, of one tenant or of all.

        Raises:
            LedgerUnavailable: Redis does not answer.
        """
        try:
            found = [await self._of_day(day, tenant) for day in _days(first, last)]
        except RedisLost:
            raise _unavailable() from None
        return [use for uses in found for use in uses]

    async def request(self, tenant: str, request_id: str) -> Entry | None:
        """Return the last request of a tenant under an id; None where there is none, or none any more.

        Raises:
            LedgerUnavailable: Redis does not answer.
        """
        try:
            place = await self._place(index_field(tenant, request_id))
            found = await self.redis.run("XRANGE", STREAM, place, place) if place else ()
        except RedisLost:
            raise _unavailable() from None
        return decode(found[0][1][1]) if found else None

    async def _of_day(self, day: date, tenant: str | None) -> list[Use]:
        tenants = [tenant] if tenant is not None else await self._tenants(day)
        answers = await asyncio.gather(*(self.redis.run("HGETALL", sums_key(day, name)) for name in tenants))
        return [
            Use(day, name, group, sums)
            for name, answer in zip(tenants, answers, strict=True)
            for group, sums in from_fields(answer).items()
        ]

    async def _tenants(self, day: date) -> list[str]:
        return sorted(name.decode() for name in await self.redis.run("SMEMBERS", tenants_key(day)))

    async def _place(self, field: str) -> bytes | None:
        """Return where in the stream a request lies; the latest, where a client used an id again."""
        today = self.today()
        days = _days(today - timedelta(days=self.entry_days), today + timedelta(days=1))
        places = await asyncio.gather(*(self.redis.run("HGET", index_key(day), field) for day in days))
        return next((place for place in reversed(places) if place is not None), None)


def _days(first: date, last: date) -> Iterable[date]:
    return (first + timedelta(days=number) for number in range((last - first).days + 1))


def _unavailable() -> LedgerUnavailable:
    return LedgerUnavailable("The ledger cannot be read at the moment. Retry shortly.", retry_after_s=1)
