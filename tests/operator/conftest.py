"""One control plane for all tests of this folder, which knows ModelDeployments and RayServices."""

import gc
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.cluster.control_plane import ControlPlane, running_control_plane
from tests.cluster.model_deployments import ModelDeployments
from tests.cluster.ray_services import define_ray_services
from tests.operator.support.gateway import Gateway, running_gateway
from tests.operator.support.world import World, new_world

LEFT_BY_KOPF = ("<function _SelectorTransport.__del__", "<socket.socket fd=")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let kopf leave the connections of its watches to the garbage collector when it stops."""
    marks = [
        pytest.mark.filterwarnings(f"ignore:Exception ignored in. {left}:pytest.PytestUnraisableExceptionWarning")
        for left in LEFT_BY_KOPF
    ]
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            for mark in marks:
                item.add_marker(mark)


@pytest.fixture(scope="package", autouse=True)
def collected() -> Iterator[None]:
    """Nothing that kopf has left is for the tests of other folders to stumble upon."""
    yield
    gc.collect()


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
