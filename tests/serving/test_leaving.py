"""How a worker's pod leaves, on a real Ray with a real replica."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from fairlead_serving.leaving import LocalNode, leave
from tests.serving.ray_head import HOST, RayHead, running_ray
from tests.support.ports import free_port
from tests.support.waiting import eventually

ROOT = Path(__file__).parents[2]
APPLICATION = {
    "name": "app",
    "route_prefix": "/app",
    "import_path": "tests.serving.nothing:application",
    "runtime_env": {"env_vars": {"PYTHONPATH": str(ROOT)}},
}
LONGEST_STREAM_S = 600


@pytest.fixture(scope="module")
def ray() -> Iterator[RayHead]:
    with running_ray() as head:
        head.deploy(APPLICATION)
        eventually(lambda: head.replicas("app"), within_s=60, what="the replica runs")
        yield head


@pytest.fixture
def node(ray: RayHead, monkeypatch: pytest.MonkeyPatch) -> LocalNode:
    """The node of this Ray alone, from among all that the machine runs."""
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(ray.folder / "ray.token"))
    return LocalNode(lambda: [process for process in psutil.process_iter() if _names(process, ray.folder)])


def test_nobody_is_waited_for_without_a_head(node: LocalNode) -> None:
    """Where Ray's head is gone, a pod leaves at once, though it has a replica."""
    assert node.has_replica

    leave(node, head=f"{HOST}:{free_port()}", longest_stream_s=LONGEST_STREAM_S)

    assert node.has_replica


def test_a_pod_waits_for_its_replica(ray: RayHead, node: LocalNode) -> None:
    """Ray hears that the node leaves, and the pod stays until Serve has ended the replica."""
    where: dict[str, Any] = {"head": f"{HOST}:{ray.gcs}", "longest_stream_s": LONGEST_STREAM_S}
    leaving = threading.Thread(target=leave, args=(node,), kwargs=where, daemon=True)
    leaving.start()

    eventually(lambda: _draining(ray) == [node.node_id], within_s=60, what="Ray knows that the node leaves")
    assert leaving.is_alive()
    assert node.has_replica

    ray.remove("app")
    leaving.join(60)

    assert not leaving.is_alive()
    assert not node.has_replica


def _names(process: psutil.Process, folder: Path) -> bool:
    try:
        return str(folder) in " ".join([*process.cmdline(), *process.environ().values()])
    except psutil.Error:
        return False


def _draining(ray: RayHead) -> list[str]:
    """Return the nodes that Ray knows to be leaving."""
    from ray._raylet import GcsClient  # noqa: PLC0415 - Ray reads its token's place when it is imported

    return [str(node) for node in GcsClient(address=f"{HOST}:{ray.gcs}").get_draining_nodes()]
