"""One control plane for all tests of this folder, which serves ModelDeployments; each test has its own namespace."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import pytest
from redis.asyncio import Redis

from tests.cluster.control_plane import ControlPlane, running_control_plane
from tests.cluster.model_deployments import ModelDeployments
from tests.gateway.support.cluster import Cluster, becomes, fresh_cluster
from tests.gateway.support.gateway import Gateway, is_ready, running_gateway
from tests.gateway.support.upstream import Upstream


class Start(Protocol):
    """Starts a gateway of a cluster."""

    def __call__(
        self, *, everywhere: bool = False, address: str = "", awaited: bool = True, **settings: Any
    ) -> AbstractAsyncContextManager[Gateway]: ...


@pytest.fixture(scope="session")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A running control plane that serves ModelDeployments."""
    with running_control_plane(tmp_path_factory.mktemp("control-plane")) as running:
        with running.client() as client:
            ModelDeployments(client).define()
        yield running


@pytest.fixture
async def cluster(control_plane: ControlPlane) -> AsyncIterator[Cluster]:
    """A namespace with the ConfigMap of tenants and the Secret of API keys of an installation."""
    async with fresh_cluster(control_plane) as made:
        yield made


@pytest.fixture
def start(  # noqa: PLR0917 - fixtures are found by their names
    cluster: Cluster, upstream: Upstream, valkey: Path, redis: Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Start:
    """Start a gateway with the rights of its service account; all models answer at the scripted upstream."""
    count = 0

    @asynccontextmanager
    async def started(
        *, everywhere: bool = False, address: str = "", awaited: bool = True, **settings: Any
    ) -> AsyncIterator[Gateway]:
        nonlocal count
        count += 1
        folder = tmp_path / str(count)
        kubeconfig = await cluster.kubeconfig(folder, everywhere=everywhere, address=address)
        monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
        given = cluster.settings | {"upstream": f"127.0.0.1:{upstream.port}"} | settings
        async with running_gateway(folder, valkey, upstream.port, **given) as gateway:
            if awaited:
                await becomes(lambda: is_ready(gateway))
            yield gateway

    return started
