"""One control plane for all tests of this folder, which knows the kind ModelDeployment."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.control_plane import ControlPlane, running_control_plane
from tests.cluster.model_deployments import ModelDeployments


@pytest.fixture(scope="session")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A running control plane."""
    folder: Path = tmp_path_factory.mktemp("control-plane")
    with running_control_plane(folder) as running:
        yield running


@pytest.fixture(scope="session")
def served_models(control_plane: ControlPlane) -> Iterator[ModelDeployments]:
    """The ModelDeployments of the control plane."""
    with control_plane.client() as client:
        found = ModelDeployments(client)
        found.define()
        yield found


@pytest.fixture
def models(served_models: ModelDeployments) -> Iterator[ModelDeployments]:
    """The ModelDeployments of the control plane; none exists before or after the test."""
    yield served_models
    served_models.remove_all()
