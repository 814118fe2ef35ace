"""An operator for tests: the real one, in this process, over one namespace."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fairlead_operator.main import reconcile_until_told
from fairlead_operator.metrics import OperatorMetrics
from fairlead_operator.runtime import Runtime, open_runtime
from fairlead_operator.settings import Settings
from fairlead_operator.surroundings import Surroundings
from tests.cluster.control_plane import ControlPlane
from tests.operator.support.writes import Watched, Writes
from tests.support.ports import free_port

HOP_ROOT = b"0" * 32


def surroundings(namespace: str, *gateways: str, longest_stream_s: int = 600) -> Surroundings:
    """Return what an operator is given that watches one namespace."""
    settings = Settings(
        namespaces=(namespace,),
        serving_image="registry.example/fairlead-serving:1",
        gateway_namespace="fairlead",
        gateway_internal_urls=gateways,
        public_url="https://models.example",
        hop_root_file=Path("/nowhere"),
        longest_stream_s=longest_stream_s,
        host="127.0.0.1",
        metrics_port=free_port(),
        health_port=free_port(),
    )
    return Surroundings(settings, HOP_ROOT)


@asynccontextmanager
async def opened(
    control_plane: ControlPlane, given: Surroundings, writes: Writes | None = None
) -> AsyncIterator[Runtime]:
    """Put an operator together whose writes are seen, and let it do nothing by itself."""
    way = Watched(control_plane, writes or Writes())
    async with open_runtime(given, OperatorMetrics(), way) as runtime:
        yield runtime


@asynccontextmanager
async def running(
    control_plane: ControlPlane, given: Surroundings, writes: Writes | None = None
) -> AsyncIterator[Runtime]:
    """Run an operator."""
    async with opened(control_plane, given, writes) as runtime:
        task = asyncio.create_task(reconcile_until_told(runtime, given.settings))
        try:
            yield runtime
        finally:
            runtime.again.set()
            await task
