"""What Kubernetes' own controllers do when a model or its namespace is deleted: nothing of it stays behind."""

import dataclasses
from collections.abc import Iterator
from functools import partial

import pytest

from fairlead_contract.names import API_VERSION, KIND
from fairlead_operator.settings import WeightsCache
from fairlead_operator.surroundings import Surroundings
from tests.cluster.control_plane import ControlPlane, running_control_plane, running_controller_manager
from tests.cluster.model_deployments import ModelDeployments
from tests.cluster.ray_services import define_ray_services
from tests.operator.support.gateway import Gateway
from tests.operator.support.operator import running, surroundings
from tests.operator.support.waiting import eventually
from tests.operator.support.world import (
    BUDGETS,
    CLAIMS,
    DEPLOYMENTS,
    JOBS,
    POLICIES,
    RAY_SERVICES,
    SECRETS,
    World,
    new_world,
)

OWNED = (RAY_SERVICES, SECRETS, POLICIES, BUDGETS, CLAIMS, JOBS)

FETCHED = {
    "startTime": "2026-01-01T00:00:00Z",
    "completionTime": "2026-01-01T00:01:00Z",
    "succeeded": 1,
    "conditions": [
        {"type": kind, "status": "True", "lastTransitionTime": "2026-01-01T00:01:00Z"}
        for kind in ("SuccessCriteriaMet", "Complete")
    ],
}
"""What the controller of Jobs says of one that has ended well."""

SOON_S = 30
COLLECTED_S = 90
"""The collector learns of kinds that were defined after it began only every half minute."""


@pytest.fixture(scope="module")
def shared_control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """In the place of the usual one, a control plane on which deletions have their consequences."""
    with running_control_plane(tmp_path_factory.mktemp("collecting")) as running:
        with running.client() as client:
            ModelDeployments(client).define()
            define_ray_services(client)
        with running_controller_manager(running):
            yield running


def given(world: World, gateway: Gateway) -> Surroundings:
    """Return surroundings in which a model owns an object of every kind."""
    usual = surroundings(world.namespace, gateway.address)
    settings = usual.settings.model_copy(update={"weights": WeightsCache(kind="pvc")})
    return dataclasses.replace(usual, settings=settings)


async def test_deleted_model(control_plane: ControlPlane, world: World, gateway: Gateway) -> None:
    """With a deleted model goes every object that it owns, and what belongs to another model stays."""
    async with running(control_plane, given(world, gateway)):
        for name in ("demo", "other"):
            await world.deploy(name)
            await until_made(world, name)
        kept = await owned_by(world, "other")

        await world.delete(DEPLOYMENTS, "demo")

        await eventually(lambda: nothing_of(world, "demo"), within_s=COLLECTED_S, what="nothing of demo is left")
        assert await owned_by(world, "other") == kept


async def test_deleted_namespace(control_plane: ControlPlane, gateway: Gateway) -> None:
    """A namespace that is deleted with a model in it goes, and nothing in it is stuck."""
    async with new_world(control_plane) as world, running(control_plane, given(world, gateway)):
        await world.deploy()
        await until_made(world, "demo")

        (await world.client.delete(f"/api/v1/namespaces/{world.namespace}")).raise_for_status()

        await eventually(lambda: is_gone(world), within_s=COLLECTED_S, what="the namespace is gone")


async def until_made(world: World, model: str) -> None:
    """Let the model's weights be fetched, and wait until it owns an object of every kind."""
    await eventually(lambda: owns(world, model, JOBS), within_s=SOON_S, what=f"{model} fetches its weights")
    await world.change(JOBS, f"{model}-weights", {"status": FETCHED}, subresource="status")
    for kind in OWNED:
        await eventually(partial(owns, world, model, kind), within_s=SOON_S, what=f"{model} owns {kind[1]}")


async def owns(world: World, model: str, kind: tuple[str, str]) -> bool:
    return kind in {each for each, _ in await owned_by(world, model)}


async def nothing_of(world: World, model: str) -> bool:
    return await world.get(DEPLOYMENTS, model) is None and not await owned_by(world, model)


async def owned_by(world: World, model: str) -> set[tuple[tuple[str, str], str]]:
    """Return the kinds and names of what a model owns."""
    return {
        (path, each["metadata"]["name"])
        for path in OWNED
        for each in await world.find(path)
        for owner in each["metadata"].get("ownerReferences", ())
        if (owner["apiVersion"], owner["kind"], owner["name"]) == (API_VERSION, KIND, model)
    }


async def is_gone(world: World) -> bool:
    return (await world.client.get(f"/api/v1/namespaces/{world.namespace}")).status_code == 404
