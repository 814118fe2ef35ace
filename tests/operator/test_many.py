"""Many ModelDeployments at once, on the real process of the operator."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from fairlead_contract import telemetry
from tests.cluster.control_plane import ControlPlane
from tests.operator.support.gateway import Gateway
from tests.operator.support.operator import HOP_ROOT
from tests.operator.support.waiting import eventually
from tests.operator.support.world import DEPLOYMENTS, RAY_SERVICES, World
from tests.support.ports import free_port

WITHIN_S = 60.0
PATIENCE_S = 300.0
"""For a machine that does much else meanwhile; what is asserted is the operator's own time on its core."""


@pytest.mark.parametrize("count", [10, pytest.param(200, marks=pytest.mark.long)])
async def test_converges(
    control_plane: ControlPlane, world: World, gateway: Gateway, tmp_path: Path, count: int
) -> None:
    """All are ready within a minute of one core, a killed operator loses none of them, and a restart writes nothing."""
    names = [f"model-{number}" for number in range(count)]
    for name in names:
        gateway.route(world.namespace, name)
        await world.deploy(name)

    async with process(world, gateway, tmp_path) as first:
        await eventually(lambda: at_least(world, count // 2), within_s=PATIENCE_S, what="half have a RayService")
        first.kill()
    async with process(world, gateway, tmp_path) as second:
        served: set[str] = set()
        await eventually(lambda: all_ready(world, names, served), within_s=PATIENCE_S, what="all are ready")
        spent_s = second.cpu_s()
    before = await versions(world)
    async with process(world, gateway, tmp_path) as third:
        await eventually(lambda: third.looked(count), within_s=PATIENCE_S, what="all are looked at")
        written = await third.metric(telemetry.OPERATOR_WRITES)

    assert spent_s < WITHIN_S
    assert written == 0
    assert await versions(world) == before
    assert len(before) == 2 * count


class Process:
    """A running operator."""

    def __init__(self, process: asyncio.subprocess.Process, metrics: str) -> None:
        self._process = process
        self._metrics = metrics

    def kill(self) -> None:
        self._process.kill()

    def cpu_s(self) -> float:
        """Return the seconds that it has spent on a core."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    async def metric(self, name: str) -> float:
        """Return the sum of a metric over its labels; 0 while it does not answer."""
        async with httpx2.AsyncClient(trust_env=False) as client:
            try:
                text = (await client.get(self._metrics)).text
            except httpx2.HTTPError:
                return 0.0
        lines = [line for line in text.splitlines() if line.startswith((f"{name}{{", f"{name} "))]
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines)

    async def looked(self, times: int) -> bool:
        return await self.metric(telemetry.OPERATOR_RECONCILES) >= times


@asynccontextmanager
async def process(world: World, gateway: Gateway, folder: Path) -> AsyncIterator[Process]:
    """Run the operator's own program, and end it."""
    (folder / "root").write_bytes(HOP_ROOT)
    metrics_port, health_port = free_port(), free_port()
    settings = {
        "NAMESPACES": json.dumps([world.namespace]),
        "SERVING_IMAGE": "registry.example/fairlead-serving:1",
        "GATEWAY_NAMESPACE": "fairlead",
        "GATEWAY_INTERNAL_URLS": json.dumps([gateway.address]),
        "HOP_ROOT_FILE": str(folder / "root"),
        "HOST": "127.0.0.1",
        "METRICS_PORT": str(metrics_port),
        "HEALTH_PORT": str(health_port),
    }
    environment = os.environ | {f"FAIRLEAD_OPERATOR_{name}": value for name, value in settings.items()}
    program = "from fairlead_operator.main import run; run()"
    running = await asyncio.create_subprocess_exec(sys.executable, "-c", program, env=environment)
    try:
        await eventually(lambda: healthy(health_port), within_s=PATIENCE_S, what="the operator is healthy")
        yield Process(running, f"http://127.0.0.1:{metrics_port}/metrics")
    finally:
        if running.returncode is None:
            running.terminate()
        assert await asyncio.wait_for(running.wait(), PATIENCE_S) in (0, -9)


async def healthy(port: int) -> bool:
    async with httpx2.AsyncClient(trust_env=False) as client:
        try:
            return (await client.get(f"http://127.0.0.1:{port}/healthz")).is_success
        except httpx2.HTTPError:
            return False


async def at_least(world: World, count: int) -> bool:
    return len(await world.find(RAY_SERVICES)) >= count


async def all_ready(world: World, names: list[str], served: set[str]) -> bool:
    """Let KubeRay serve what has been made, and return whether all is ready."""
    for found in await world.find(RAY_SERVICES):
        name = found["metadata"]["name"]
        if name not in served:
            await world.serve(name)
            served.add(name)
    deployments = await world.find(DEPLOYMENTS)
    await asyncio.sleep(0.5)
    return len(served) == len(names) and all(is_ready(each) for each in deployments)


def is_ready(deployment: dict[str, Any]) -> bool:
    conditions = deployment.get("status", {}).get("conditions", ())
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


async def versions(world: World) -> dict[tuple[str, str], str]:
    """Return the version of every ModelDeployment and RayService."""
    return {
        (path[1], each["metadata"]["name"]): each["metadata"]["resourceVersion"]
        for path in (DEPLOYMENTS, RAY_SERVICES)
        for each in await world.find(path)
    }
