"""What is learnt from gateways of how they route."""

import httpx2

from fairlead_operator.gateways import Gateways, addresses_of
from fairlead_operator.observed import GatewayView, Identity
from tests.cluster.control_plane import ControlPlane
from tests.operator.support.gateway import Gateway, running_gateway
from tests.operator.support.operator import opened, surroundings
from tests.support.ports import free_port

DEMO = ("models", "demo")


def test_addresses() -> None:
    """Gateways are the ready endpoints of the internal Service, on its port for metrics."""
    endpoints = {
        "ports": [{"name": "http", "port": 8080}, {"name": "metrics", "port": 9090}],
        "endpoints": [
            {"addresses": ["10.0.0.1"], "conditions": {"ready": True}},
            {"addresses": ["10.0.0.2"], "conditions": {"ready": False}},
            {"addresses": ["fd00::3"]},
        ],
    }

    assert addresses_of(endpoints) == ["http://10.0.0.1:9090", "http://[fd00::3]:9090"]
    assert addresses_of({"ports": None, "endpoints": None}) == []


async def test_views(control_plane: ControlPlane, gateway: Gateway) -> None:
    """Each gateway that answers has a view of each model; one that does not know it says so."""
    gateway.route(*DEMO, generation=3, running=2)
    async with (
        running_gateway() as other,
        opened(control_plane, surroundings("x", gateway.address, other.address)) as it,
    ):
        views = set(it.gateways.views(DEMO))

        assert it.gateways.is_complete

    assert views == {GatewayView(gateway.address, 3, "routed", 2), GatewayView(other.address, None)}


async def test_silent_gateway(control_plane: ControlPlane, gateway: Gateway) -> None:
    """A gateway that does not answer has no view, and it is known that one is missing."""
    silent = f"http://127.0.0.1:{free_port()}"
    async with opened(control_plane, surroundings("x", gateway.address, silent)) as it:
        views = it.gateways.views(DEMO)

        assert not it.gateways.is_complete

    assert views == (GatewayView(gateway.address, None),)


async def test_changes(control_plane: ControlPlane, gateway: Gateway) -> None:
    """Whoever watches is told of the models that are routed otherwise than before, and not of passing requests."""
    gateway.route(*DEMO)
    gateway.route("models", "other")
    told: list[Identity] = []
    async with opened(control_plane, surroundings("x", gateway.address)) as it, httpx2.AsyncClient() as http:
        watched = Gateways(it.cluster, it.reconciler.surroundings.settings, http, it.reconciler.metrics, told.append)
        await watched.start()
        told.clear()
        gateway.route(*DEMO, running=5)
        await watched.ask()
        assert told == []
        gateway.route(*DEMO, state="cold")
        await watched.ask()
        assert told == [DEMO]
