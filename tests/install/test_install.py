"""One story in order: installed, asked, scaled, broken, upgraded, removed. It ends at the first step that fails."""

import json
from typing import Any

import pytest

from tests.install.platform import CLIENTS, CRDS_RELEASE, MODELS, RELEASE, InstalledPlatform
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(1800)


def test_installs(platform: InstalledPlatform) -> None:
    """Two charts bring the platform to namespaces that admit only restricted pods, where no root can be written to."""
    platform.install()

    pods = platform.cluster.get("pods", "-n", RELEASE)
    containers = [container for pod in pods for container in pod["spec"]["containers"]]
    assert pods
    assert all(container["securityContext"]["readOnlyRootFilesystem"] for container in containers)
    assert all(_is_ready(pod) for pod in pods)


def test_the_chart_tests_itself(platform: InstalledPlatform) -> None:
    """`helm test` says that the API answers."""
    platform.cluster.helm("test", RELEASE, "-n", RELEASE, "--timeout", "120s", timeout_s=150)


def test_a_model_answers(platform: InstalledPlatform) -> None:
    """A manifest becomes a model that streams its answer to whoever holds a token, as soon as it is called ready."""
    platform.apply_model()

    answer = platform.client.chat(max_tokens=16)

    assert answer["status"] == 200, answer
    assert answer["events"][-1] == "[DONE]"
    assert len(answer["events"]) > 4
    eventually(  # the first request may have had to be held for a moment, which the status tells of
        lambda: _phase(platform) == "Ready", within_s=10, what="the status calls the model ready", pause_s=1
    )
    assert platform.model_object()["status"]["ready"] == "1/1"
    assert _is_observed(platform)


def test_model_pods_are_restricted(platform: InstalledPlatform) -> None:
    """The pods that run models are made by KubeRay in a namespace that admits only restricted ones, as user 1000."""
    pods = platform.cluster.get("pods", "-n", MODELS, "-l", "ray.io/node-type")
    users = platform.cluster.kubectl("exec", "-n", MODELS, pods[0]["metadata"]["name"], "--", "id", "-u")

    assert {pod["metadata"]["labels"]["ray.io/node-type"] for pod in pods} == {"head", "worker"}
    assert users.strip() == "1000"


def test_nobody_without_a_token(platform: InstalledPlatform) -> None:
    """Without a token there is neither an answer nor a list."""
    assert platform.client.chat(tenant=None, stream=False)["status"] == 401
    assert platform.client.get("/v1/models", tenant=None)["status"] == 401


def test_limits(platform: InstalledPlatform) -> None:
    """A tenant at its limit is refused by whichever gateway it asks, while another is served."""
    assert platform.client.statuses(5, tenant="second") == [200, 200, 200, 429, 429]
    assert platform.client.chat(stream=False, max_tokens=2)["status"] == 200


def test_scales_under_load_and_back(platform: InstalledPlatform) -> None:
    """Under load a second replica comes, in a pod that KubeRay adds, and goes when the load has gone; nothing fails."""
    with platform.client.load(parallel=8) as loads:
        eventually(lambda: _replicas(platform) == 2, within_s=400, what="two replicas", pause_s=2)
    assert not loads[0].failures, loads[0].failures
    assert loads[0].answered > 8

    eventually(lambda: _replicas(platform) == 1, within_s=400, what="one replica", pause_s=2)
    eventually(lambda: len(platform.cluster.workers(MODELS)) == 1, within_s=600, what="one worker", pause_s=2)


def test_sleeps_and_wakes(platform: InstalledPlatform) -> None:
    """At zero a model is listed and called ready, and the first request wakes it and is answered."""
    scale = ("scale", f"mdep/{platform.model}", "-n", MODELS)
    platform.cluster.kubectl(*scale, "--replicas=0")
    eventually(lambda: _phase(platform) == "ScaledToZero", within_s=600, what="the model sleeps", pause_s=2)
    assert "fairlead-demo" in _listed(platform)
    platform.wait_until_ready(within_s=5)

    answer = platform.client.chat(max_tokens=8)

    assert (answer["status"], answer["events"][-1:]) == (200, ["[DONE]"]), answer
    platform.cluster.kubectl(*scale, "--replicas=1")
    eventually(lambda: _phase(platform) == "Ready", within_s=60, what="the model is ready", pause_s=1)


def test_the_operator_dies(platform: InstalledPlatform) -> None:
    """Requests do not notice that the operator is killed, and what is changed meanwhile comes about."""
    cluster = platform.cluster
    before = _ray_clusters(platform)
    operator = ("pods", "-n", RELEASE, "-l", "app.kubernetes.io/component=operator")
    with platform.client.load(parallel=1) as loads:
        cluster.kubectl("delete", *operator, "--grace-period=0", "--force")
        change = {"spec": {"model": {"aliases": ["demo", "renamed"]}}}
        cluster.kubectl("patch", f"mdep/{platform.model}", "-n", MODELS, "--type=merge", "-p", json.dumps(change))
        eventually(lambda: _is_observed(platform), within_s=180, what="the operator has seen the change", pause_s=1)
        eventually(lambda: "renamed" in _listed(platform), within_s=30, what="the new alias is listed", pause_s=1)
    assert not loads[0].failures, loads[0].failures
    assert _ray_clusters(platform) == before


def test_upgrades_without_a_failed_request(platform: InstalledPlatform) -> None:
    """`helm upgrade` replaces every gateway and the operator while no request fails and no model restarts."""
    clusters, pods = _ray_clusters(platform), _ray_pods(platform)
    gateways = ("pods", "-n", RELEASE, "-l", "app.kubernetes.io/component=gateway")
    old = _names(platform.cluster.get(*gateways))
    with platform.client.load(parallel=4, max_tokens=128) as loads:
        platform.upgrade("--set", "gateway.pod.annotations.change=one", "--set", "operator.pod.annotations.change=one")
        eventually(
            lambda: not old & _names(platform.cluster.get(*gateways)), within_s=120, what="new gateways", pause_s=1
        )
    assert not loads[0].failures, loads[0].failures
    assert loads[0].answered > 4
    eventually(lambda: _is_observed(platform), within_s=120, what="the new operator has looked", pause_s=1)
    assert _ray_clusters(platform) == clusters
    assert pods <= _ray_pods(platform)  # so much load may bring a replica more


def test_leaves_nothing(platform: InstalledPlatform) -> None:
    """A model that is deleted takes its objects along, and an uninstalled platform leaves only the kind."""
    cluster = platform.cluster
    cluster.kubectl("delete", f"mdep/{platform.model}", "-n", MODELS, "--timeout=300s", timeout_s=330)
    owned = "rayservices,rayclusters,pods,services,secrets,networkpolicies,poddisruptionbudgets,jobs,pvc"
    eventually(lambda: not cluster.exists(owned, "-n", MODELS), within_s=300, what="no object is left", pause_s=1)

    cluster.helm("uninstall", RELEASE, "-n", RELEASE, "--wait", "--timeout", "300s", timeout_s=330)
    ours = ("-l", f"app.kubernetes.io/instance={RELEASE}")
    kinds = "deployments,statefulsets,services,configmaps,secrets,serviceaccounts,roles,rolebindings,pods,pvc"
    eventually(lambda: not cluster.exists(kinds, "-n", RELEASE, *ours), within_s=120, what="no object", pause_s=1)
    assert not cluster.exists("clusterroles,clusterrolebindings", *ours)

    cluster.helm("uninstall", CRDS_RELEASE, "-n", RELEASE, "--wait", "--timeout", "60s")
    assert cluster.exists("crd", "modeldeployments.fairlead.dev")
    for namespace in (MODELS, CLIENTS, RELEASE):
        cluster.kubectl("delete", "namespace", namespace, "--timeout=200s", timeout_s=230)


def _is_ready(pod: Any) -> bool:
    return any(said["type"] == "Ready" and said["status"] == "True" for said in pod["status"].get("conditions", ()))


def _replicas(platform: InstalledPlatform) -> int:
    return platform.cluster.replicas(MODELS, platform.model)


def _phase(platform: InstalledPlatform) -> str:
    phase: str = platform.model_object()["status"]["phase"]
    return phase


def _is_observed(platform: InstalledPlatform) -> bool:
    found = platform.model_object()
    return bool(found["status"]["observedGeneration"] == found["metadata"]["generation"])


def _listed(platform: InstalledPlatform) -> list[str]:
    return [model["id"] for model in json.loads(platform.client.get("/v1/models")["text"])["data"]]


def _ray_clusters(platform: InstalledPlatform) -> set[str]:
    return _names(platform.cluster.get("rayclusters", "-n", MODELS))


def _ray_pods(platform: InstalledPlatform) -> set[str]:
    return _names(platform.cluster.get("pods", "-n", MODELS, "-l", "ray.io/node-type"))


def _names(objects: list[Any]) -> set[str]:
    return {found["metadata"]["name"] for found in objects}
