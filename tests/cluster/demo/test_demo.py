"""What people see of a model between `kubectl apply` and `kubectl delete`; one story in order, on one cluster."""

import json
from collections.abc import Iterator
from typing import Any

import httpx2
import psutil
import pytest

from tests.cluster.demo.platform import DemoCluster, demo_manifest, running_operator
from tests.cluster.demo.watcher import Watcher
from tests.support.platform import chat_body
from tests.support.ports import free_port
from tests.support.sse import BackgroundStream
from tests.support.waiting import eventually

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]

READY_S = 240


@pytest.fixture(scope="module")
def watcher(cluster: DemoCluster) -> Iterator[Watcher]:
    """Somebody who compares what the status says with what a request sees, twice a second."""
    with Watcher.of(cluster) as watching:
        yield watching


def test_apply_wait_ask(cluster: DemoCluster, watcher: Watcher) -> None:
    """`kubectl apply` and `kubectl wait` end in a model that streams its answer to whoever holds a token."""
    watcher.start()
    cluster.kubectl("apply", "-f", str(demo_manifest(cluster.home.root)))
    cluster.kubectl("wait", "--for=condition=Ready", "mdep/demo", f"--timeout={READY_S}s")

    stream = _stream(cluster, max_tokens=16)
    stream.wait_for_end(within_s=60)

    assert stream.is_complete, stream.summary()
    assert cluster.model()["status"]["ready"] == "1/1"
    columns = cluster.kubectl("get", "mdep").splitlines()[-1].split()
    assert {"demo", "fairlead-demo", "vllm", "1/1", "Ready", f"{cluster.url}/v1"} <= set(columns)


def test_changes_that_restart_nothing(cluster: DemoCluster) -> None:
    """Another alias, other limits and other bounds are in force within seconds, and no replica restarts."""
    before = _engines()

    _patch(cluster, {"scaling": {"maxReplicas": 1}})  # a fixed number
    _settled(cluster)
    _patch(cluster, {"model": {"aliases": ["demo", "renamed"]}, "scaling": {"maxReplicas": 3}})
    _patch(cluster, {"limits": {"requestsPerMinute": 600}})

    eventually(lambda: _ask(cluster, "renamed").is_success, within_s=10, what="the new alias answers")
    _settled(cluster)
    assert _engines() == before


def test_another_engine_argument(cluster: DemoCluster, watcher: Watcher) -> None:
    """Another engine argument replaces the replica within its Ray cluster, and no request fails meanwhile."""
    before, engines = _ray_cluster(cluster), _engines()
    watcher.failures.clear()

    _patch(cluster, {"engine": {"arguments": {"max-num-seqs": 48}}})

    eventually(lambda: not engines & _engines(), within_s=READY_S, what="the old engine has gone", pause_s=0.5)
    _settled(cluster)
    assert _ray_cluster(cluster) == before
    assert watcher.failures == []


def test_another_image(cluster: DemoCluster) -> None:
    """Another image brings a second Ray cluster in the place of the first, which the status tells with its reason."""
    before = _ray_cluster(cluster)

    _patch(cluster, {"engine": {"image": "registry.example/other:2"}})

    told = eventually(lambda: _rollout(cluster), within_s=30, what="KubeRay begins a second cluster, and that is told")
    assert told is not None
    assert "registry.example/other:2" in told["message"]
    _settled(cluster)
    assert _ray_cluster(cluster) != before


def test_more_replicas_than_allowed(cluster: DemoCluster) -> None:
    """`kubectl scale` beyond the maximum is refused, and told the maximum's name."""
    with pytest.raises(AssertionError, match="maxReplicas"):
        cluster.kubectl("scale", "mdep/demo", "--replicas=9")


def test_zero_and_back(cluster: DemoCluster) -> None:
    """At zero no engine runs, the model is ready and listed, and the next request wakes it."""
    cluster.kubectl("scale", "mdep/demo", "--replicas=0")
    eventually(lambda: _phase(cluster) == "ScaledToZero", within_s=120, what="the model sleeps", pause_s=0.5)
    eventually(lambda: not _engines(), within_s=60, what="no engine runs", pause_s=0.5)
    cluster.kubectl("wait", "--for=condition=Ready", "mdep/demo", "--timeout=5s")
    assert "fairlead-demo" in _listed(cluster)

    stream = _stream(cluster, max_tokens=4)
    stream.wait_for_end(within_s=READY_S)

    assert stream.is_complete, stream.summary()
    cluster.kubectl("scale", "mdep/demo", "--replicas=1")
    _settled(cluster)


def test_the_operator_starts_anew(cluster: DemoCluster) -> None:
    """Another operator beside the first finds nothing to write."""
    before = json.loads(cluster.kubectl("get", "rayservices,secrets,networkpolicies,mdep", "-o", "json"))["items"]
    with running_operator(cluster, free_port()):
        _settled(cluster)
    after = json.loads(cluster.kubectl("get", "rayservices,secrets,networkpolicies,mdep", "-o", "json"))["items"]

    assert [_version(each) for each in after] == [_version(each) for each in before]


def test_delete_lets_a_stream_end(cluster: DemoCluster, watcher: Watcher) -> None:
    """A model that is deleted answers what it has begun, takes nothing new, and then is gone with its engines."""
    stream = _stream(cluster, max_tokens=1500, ignore_eos=True)
    stream.wait_for_events(5, within_s=30)
    told = watcher.stop()

    cluster.kubectl("delete", "mdep/demo", "--wait=false")
    eventually(lambda: _ask(cluster).status_code == 404, within_s=5, what="nothing new is taken")
    stream.wait_for_end(within_s=110)
    cluster.kubectl("wait", "--for=delete", "mdep/demo", "--timeout=60s")

    assert stream.is_complete, stream.summary()
    eventually(lambda: not _engines(), within_s=60, what="no engine runs", pause_s=0.5)
    eventually(
        lambda: "No resources" in (cluster.kubectl("get", "rayservices", "-o", "name") or "No resources"),
        within_s=10,
        what="no RayService is left",
    )
    assert told.longest_lie_s <= 2, told
    assert told.longest_modesty_s <= 5, told


def _patch(cluster: DemoCluster, spec: dict[str, Any]) -> None:
    cluster.kubectl("patch", "mdep/demo", "--type=merge", "-p", json.dumps({"spec": spec}))


def _ask(cluster: DemoCluster, model: str = "fairlead-demo") -> httpx2.Response:
    body = {"model": model, "prompt": "The", "max_tokens": 1}
    headers = {"authorization": f"Bearer {cluster.token}"}
    return httpx2.post(f"{cluster.url}/v1/completions", json=body, headers=headers, timeout=60)


def _stream(cluster: DemoCluster, **fields: Any) -> BackgroundStream:
    body = chat_body("What is Fairlead?", stream=True, **fields)
    return BackgroundStream(f"{cluster.url}/v1/chat/completions", body, cluster.token).start()


def _listed(cluster: DemoCluster) -> list[str]:
    headers = {"authorization": f"Bearer {cluster.token}"}
    answer = httpx2.get(f"{cluster.url}/v1/models", headers=headers, timeout=10).raise_for_status()
    return [model["id"] for model in answer.json()["data"]]


def _settled(cluster: DemoCluster) -> None:
    """Wait until the present spec is in force, and nothing is under way any more."""
    eventually(
        lambda: _is_observed(cluster) and _progressing(cluster, "False"),
        within_s=READY_S,
        what="nothing is under way",
        pause_s=0.5,
    )


def _is_observed(cluster: DemoCluster) -> bool:
    found = cluster.model()
    return bool(found["status"]["observedGeneration"] == found["metadata"]["generation"])


def _progressing(cluster: DemoCluster, status: str) -> dict[str, Any] | None:
    conditions = cluster.model()["status"]["conditions"]
    found: dict[str, Any] = next(each for each in conditions if each["type"] == "Progressing")
    return found if found["status"] == status else None


def _rollout(cluster: DemoCluster) -> dict[str, Any] | None:
    """Return what is told of a second cluster; before KubeRay has heard of the change, an update is told."""
    found = _progressing(cluster, "True")
    return found if found is not None and found["reason"] == "NewClusterRollout" else None


def _phase(cluster: DemoCluster) -> str:
    phase: str = cluster.model()["status"]["phase"]
    return phase


def _ray_cluster(cluster: DemoCluster) -> str:
    found = json.loads(cluster.kubectl("get", "rayservice", "demo", "-o", "json"))
    name: str = found["status"]["activeServiceStatus"]["rayClusterName"]
    return name


def _engines() -> set[int]:
    """Return the engines that this process's programs run."""
    return {each.pid for each in psutil.Process().children(recursive=True) if "EngineCor" in each.name()}


def _version(found: dict[str, Any]) -> tuple[str, str, str]:
    return found["kind"], found["metadata"]["name"], found["metadata"]["resourceVersion"]
