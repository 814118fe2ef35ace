"""Whether the Redis that holds the ledger keeps what it is given: asked now and then, and told once.

An eviction policy throws records and counters away when memory is short; without an append-only file a restart does.
Managed services often refuse the question; nothing is said then.
"""

import asyncio
import logging
from typing import Final, Protocol

from fairlead_gateway.redis_link import RedisLink, RedisLost

INTERVAL_S: Final = 60.0

SAFE: Final = {"maxmemory-policy": "noeviction", "appendonly": "yes"}
"""What Redis' settings should be."""

_REMEDIES: Final = {
    "maxmemory-policy": "it may evict records and counters; set maxmemory-policy noeviction, and give the response "
    "cache a Redis of its own (FAIRLEAD_GATEWAY_CACHE_REDIS_URL)",
    "appendonly": "records and counters do not outlive a restart of it; set appendonly yes",
}

log = logging.getLogger(__name__)


class SafetyMetric(Protocol):
    """Is told what was found."""

    def at_risk(self, setting: str, *, at_risk: bool) -> None:
        """Take down whether a setting endangers the ledger."""


class LedgerSafety:
    """Looks at the settings of the ledger's Redis.

    Args:
        redis: A link of its own: a refused question must not hold up the ledger.
    """

    def __init__(self, redis: RedisLink, metric: SafetyMetric) -> None:
        self._redis = redis
        self._metric = metric
        self._told: set[str] = set()

    async def run(self, *, interval_s: float = INTERVAL_S) -> None:
        """Look until cancelled: settings can change, and another replica may take over."""
        while True:
            await self.look()
            await asyncio.sleep(interval_s)

    async def look(self) -> None:
        """Look once; a warning is written where a setting has become wrong."""
        for setting, safe in SAFE.items():
            try:
                answer = await self._redis.run("CONFIG", "GET", setting)
            except RedisLost:
                return
            found = dict(zip(answer[::2], answer[1::2], strict=True)).get(setting.encode())
            if found is not None:
                self._judge(setting, found.decode(), safe)

    def _judge(self, setting: str, found: str, safe: str) -> None:
        at_risk = found != safe
        self._metric.at_risk(setting, at_risk=at_risk)
        if not at_risk:
            self._told.discard(setting)
        elif setting not in self._told:
            self._told.add(setting)
            log.warning("the ledger's Redis has %s %s: %s", setting, found, _REMEDIES[setting])
