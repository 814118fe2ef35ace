"""What replicas, and jobs that fetch weights, say of themselves on the metrics ports of their pods."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import httpx2

from fairlead_contract.names import RAY_METRICS_PORT
from fairlead_contract.replica_facts import ReplicaFacts, parse_facts
from fairlead_operator.observed import Json

SCRAPE_EVERY_S = 10.0
STARTING_EVERY_S = 2.0
"""While something starts, so that a replica that is ready is soon known to be."""

SCRAPE_TIMEOUT_S = 2.0
FORGET_AFTER_S = 600.0
"""Of what nobody has asked for."""

METRICS_PORT = "metrics"
SETTLED = "ready"


@dataclass(frozen=True, slots=True)
class _Scrape:
    at_s: float
    facts: tuple[ReplicaFacts, ...]

    @property
    def is_settled(self) -> bool:
        return bool(self.facts) and all(each.phase == SETTLED for each in self.facts)


@dataclass(slots=True)
class Facts:
    """The facts of every pod, each read at most once in a while."""

    http: httpx2.AsyncClient
    _scrapes: dict[str, _Scrape] = field(default_factory=dict)
    """By the pod's uid."""

    async def of(self, model: str, pods: Sequence[Json]) -> tuple[ReplicaFacts, ...]:
        """Return what the pods of a model say; nothing of those that do not run or do not answer."""
        scrapes = await asyncio.gather(*(self._of_pod(model, pod) for pod in pods if _address(pod)))
        found = {(each.replica, each.phase): each for scrape in scrapes for each in scrape.facts}
        return tuple(found[key] for key in sorted(found, key=str))

    async def _of_pod(self, model: str, pod: Json) -> _Scrape:
        uid = pod["metadata"]["uid"]
        known = self._scrapes.get(uid)
        now_s = time.monotonic()
        if known and now_s - known.at_s < (SCRAPE_EVERY_S if known.is_settled else STARTING_EVERY_S):
            return known
        self._scrapes[uid] = scrape = _Scrape(now_s, await self._scrape(model, pod))
        self._forget(now_s)
        return scrape

    def _forget(self, now_s: float) -> None:
        for uid in [uid for uid, scrape in self._scrapes.items() if now_s - scrape.at_s > FORGET_AFTER_S]:
            del self._scrapes[uid]

    async def _scrape(self, model: str, pod: Json) -> tuple[ReplicaFacts, ...]:
        try:
            answer = await self.http.get(f"{_address(pod)}/metrics", timeout=SCRAPE_TIMEOUT_S)
        except httpx2.HTTPError:
            return ()
        return parse_facts(answer.text).get(model, ()) if answer.is_success else ()


def _address(pod: Json) -> str | None:
    """Return where a pod that runs shows its metrics."""
    status = pod.get("status", {})
    if status.get("phase") != "Running" or not status.get("podIP"):
        return None
    ip = status["podIP"]
    ports = [port for each in pod["spec"]["containers"] for port in each.get("ports", ())]
    named = [port["containerPort"] for port in ports if port.get("name") == METRICS_PORT]
    return f"http://{f'[{ip}]' if ':' in ip else ip}:{named[0] if named else RAY_METRICS_PORT}"
