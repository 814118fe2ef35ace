"""What the operator does with exactly the rights that the chart gives it, on a real API server."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.charts.rendering import LEAST, NAMESPACE, Object, merged, rendered
from tests.cluster.control_plane import ControlPlane
from tests.operator.support.gateway import Gateway
from tests.operator.support.operator import running, surroundings
from tests.operator.support.waiting import eventually
from tests.operator.support.world import DEPLOYMENTS, RAY_SERVICES, World

ACCOUNT = "fairlead-operator"
RIGHTS = {
    "ServiceAccount": "api/v1/namespaces/{namespace}/serviceaccounts",
    "Role": "apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/roles",
    "RoleBinding": "apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/rolebindings",
}
SOON_S = 30.0


async def test_rights(
    control_plane: ControlPlane,
    world: World,
    gateway: Gateway,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They suffice to create, change, scale, rename, suspend and delete, and for status, events and finalizers."""
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(await signed_in(control_plane, world))
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    gateway.route(world.namespace)
    async with running(control_plane, surroundings(world.namespace, gateway.address)) as operator:
        await world.deploy()
        await until(world, "Pending")
        await world.serve()
        await until(world, "Ready")
        changes: tuple[dict[str, Any], ...] = (
            {"engine": {"arguments": {"max-model-len": 4096}}},
            {"scaling": {"maxReplicas": 3}},
            {"model": {"aliases": ["another"]}},
        )
        for generation, change in enumerate(changes, start=2):
            await world.change(DEPLOYMENTS, "demo", {"spec": change})
            gateway.route(world.namespace, generation=generation)
            await world.serve()
            await until(world, "Ready", generation)
        gateway.route(world.namespace, generation=5, state="suspended")
        await world.change(DEPLOYMENTS, "demo", {"spec": {"suspend": True}})
        await until(world, "Suspended")
        assert not await world.find(RAY_SERVICES)
        await world.delete(DEPLOYMENTS, "demo")
        gateway.routes.clear()
        await eventually(lambda: gone(world), within_s=SOON_S, what="the model is gone")
        errors = [sample for metric in operator.reconciler.metrics.errors.collect() for sample in metric.samples]

    assert not [each for each in errors if each.labels["error"] == "ApiError" and each.name.endswith("_total")]


async def signed_in(control_plane: ControlPlane, world: World) -> str:
    """Give the chart's rights over one namespace, and return a kubeconfig of the chart's account."""
    objects = rendered(merged(LEAST, {"watchNamespaces": [world.namespace]}))
    await world.client.post("/api/v1/namespaces", json={"metadata": {"name": NAMESPACE}})  # once for all tests
    for each in objects:
        if each["kind"] in RIGHTS and each["metadata"]["name"].startswith(ACCOUNT):
            await create(world, each)
    asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    answer = await world.client.post(f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/{ACCOUNT}/token", json=asked)
    assert answer.is_success, answer.text
    config = yaml.safe_load(control_plane.kubeconfig.read_text())
    config["users"][0]["user"]["token"] = answer.json()["status"]["token"]
    return yaml.safe_dump(config)


async def create(world: World, item: Object) -> None:
    path = RIGHTS[item["kind"]].format(namespace=item["metadata"]["namespace"])
    answer = await world.client.post(f"/{path}", json=item)
    assert answer.is_success, answer.text


async def until(world: World, phase: str, generation: int = 1) -> None:
    async def reached() -> bool:
        status = await world.status()
        return status.get("phase") == phase and status["observedGeneration"] >= generation

    await eventually(reached, within_s=SOON_S, what=f"the model is {phase} at generation {generation}")


async def gone(world: World) -> bool:
    return await world.get(DEPLOYMENTS, "demo") is None
