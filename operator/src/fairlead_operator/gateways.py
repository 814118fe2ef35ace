"""What the gateways say of how they route, asked again and again.

Gateways are found by the endpoints of their internal Service, or by fixed addresses. One request to a gateway tells of
all models.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx2
import structlog

from fairlead_operator.cluster import Cluster
from fairlead_operator.kinds import ENDPOINT_SLICE
from fairlead_operator.metrics import OperatorMetrics
from fairlead_operator.observed import GatewayView, Identity, Json
from fairlead_operator.settings import Settings

ASK_EVERY_S = 0.5
"""A model that answers no more must not be called ready for longer than two seconds."""

FIND_EVERY_S = 5.0
ANSWER_TIMEOUT_S = 2.0
ROUTES = "/internal/routes"
SERVICE_LABEL = "kubernetes.io/service-name"
METRICS_PORT = "metrics"

Views = Mapping[Identity, GatewayView]

_log = structlog.get_logger()


@dataclass(slots=True)
class Gateways:
    """All gateways, as they answered last."""

    cluster: Cluster
    settings: Settings
    http: httpx2.AsyncClient
    metrics: OperatorMetrics
    changed: Callable[[Identity], None]
    """Told of each model that some gateway routes otherwise than before."""

    _answers: dict[str, Views] = field(default_factory=dict)
    _addresses: tuple[str, ...] = ()

    def views(self, identity: Identity) -> tuple[GatewayView, ...]:
        """Return how each gateway that answers routes a model."""
        return tuple(
            answer.get(identity, GatewayView(address, None)) for address, answer in sorted(self._answers.items())
        )

    @property
    def is_complete(self) -> bool:
        """Whether every gateway that is known of answers."""
        return set(self._addresses) == self._answers.keys()

    async def ask_for_ever(self) -> None:
        """Ask all gateways, and look for others now and then."""
        loop = asyncio.get_running_loop()
        found_at_s = -FIND_EVERY_S
        while True:
            if loop.time() - found_at_s >= FIND_EVERY_S:
                await self._find()
                found_at_s = loop.time()
            await self.ask()
            await asyncio.sleep(ASK_EVERY_S)

    async def start(self) -> None:
        """Find the gateways and ask them once."""
        await self._find()
        await self.ask()

    async def ask(self) -> None:
        """Ask all gateways once."""
        answers = await asyncio.gather(*(self._ask(address) for address in self._addresses))
        told = {address: answer for address, answer in zip(self._addresses, answers, strict=True) if answer is not None}
        before, self._answers = self._answers, told
        self.metrics.gateways.set(len(told))
        for identity in _differing(before, told):
            self.changed(identity)

    async def _ask(self, address: str) -> Views | None:
        try:
            answer = await self.http.get(address + ROUTES, timeout=ANSWER_TIMEOUT_S)
            answer.raise_for_status()
            return _views(address, answer.json())
        except (httpx2.HTTPError, ValueError, KeyError) as error:
            _log.warning("a gateway does not say how it routes", gateway=address, error=str(error))
            return None

    async def _find(self) -> None:
        if self.settings.gateway_internal_urls:
            self._addresses = self.settings.gateway_internal_urls
            return
        try:
            slices = await self.cluster.find(
                ENDPOINT_SLICE,
                self.settings.gateway_namespace,
                labels={SERVICE_LABEL: self.settings.gateway_service},
            )
        except httpx2.HTTPError as error:
            _log.warning("the gateways cannot be looked for", error=str(error))
            return
        self._addresses = tuple(sorted({address for each in slices for address in addresses_of(each)}))


def addresses_of(endpoints: Json) -> list[str]:
    """Return where the ready gateways of an EndpointSlice answer."""
    ports = [port["port"] for port in endpoints.get("ports") or () if port.get("name") == METRICS_PORT]
    return [
        f"http://{_host(address)}:{port}"
        for endpoint in endpoints.get("endpoints") or ()
        if endpoint.get("conditions", {}).get("ready", True)
        for address in endpoint["addresses"]
        for port in ports
    ]


def _host(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def _views(address: str, told: Any) -> Views:  # noqa: ANN401 - JSON
    return {
        (route["namespace"], route["name"]): GatewayView(
            address, route["generation"], route.get("state", ""), int(route.get("running", 0))
        )
        for route in told["routes"]
    }


def _differing(before: Mapping[str, Views], after: Mapping[str, Views]) -> set[Identity]:
    """Return the models that some gateway routes otherwise than before; requests come and go without mattering."""
    if before.keys() != after.keys():
        return {identity for views in (*before.values(), *after.values()) for identity in views}
    return {
        identity
        for address, views in after.items()
        for identity in views.keys() | before[address].keys()
        if _way(views.get(identity)) != _way(before[address].get(identity))
    }


def _way(view: GatewayView | None) -> tuple[int | None, str] | None:
    return (view.generation, view.state) if view else None
