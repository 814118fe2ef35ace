"""One control plane for all tests of this folder, which knows ModelDeployments and RayServices."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from tests.cluster.control_plane import ControlPlane, running_control_plane
from tests.cluster.model_deployments import DEFINITIONS, ModelDeployments
from tests.operator.support.gateway import Gateway, running_gateway
from tests.operator.support.world import World, new_world
from tests.support.waiting import eventually

KUBERAY_CRDS = "KUBERAY_CRDS"
"""Names the folder of KubeRay's own definitions."""

RAY_SERVICES = "/apis/ray.io/v1/rayservices"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let kopf leave the connections of its watches to the garbage collector when it stops."""
    mark = pytest.mark.filterwarnings(
        "ignore:Exception ignored in. <function _SelectorTransport.__del__:pytest.PytestUnraisableExceptionWarning"
    )
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(mark)


@pytest.fixture(scope="session")
def bare_control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A running control plane without KubeRay."""
    with running_control_plane(tmp_path_factory.mktemp("bare")) as running:
        with running.client() as client:
            ModelDeployments(client).define()
        yield running


@pytest.fixture(scope="session")
def shared_control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A running control plane; RayServices are KubeRay's own where its definitions are given."""
    with running_control_plane(tmp_path_factory.mktemp("operator")) as running:
        with running.client() as client:
            ModelDeployments(client).define()
            define_ray_services(client)
        yield running


@pytest.fixture
def control_plane(shared_control_plane: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> ControlPlane:
    """The shared control plane, where an operator looks for its own."""
    monkeypatch.setenv("KUBECONFIG", str(shared_control_plane.kubeconfig))
    return shared_control_plane


@pytest.fixture
async def world(control_plane: ControlPlane) -> AsyncIterator[World]:
    """A namespace of its own."""
    async with new_world(control_plane) as made:
        yield made


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    """A gateway that routes nothing yet."""
    async with running_gateway() as running:
        yield running


def define_ray_services(client: httpx2.Client) -> None:
    """Let an API server know RayServices."""
    answer = client.post(DEFINITIONS, json=ray_service_definition())
    assert answer.is_success, answer.text
    eventually(lambda: client.get(RAY_SERVICES).is_success, within_s=30, what="RayServices are served")


def ray_service_definition() -> dict[str, Any]:
    """Return KubeRay's own definition, or one that takes whatever is written."""
    folder = os.environ.get(KUBERAY_CRDS)
    if folder:
        found: dict[str, Any] = yaml.load((Path(folder) / "ray.io_rayservices.yaml").read_text(), yaml.CSafeLoader)
        return found
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": anything, "status": anything}}},
    }
    names = {"kind": "RayService", "listKind": "RayServiceList", "plural": "rayservices", "singular": "rayservice"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "rayservices.ray.io"},
        "spec": {"group": "ray.io", "scope": "Namespaced", "names": names, "versions": [version]},
    }
