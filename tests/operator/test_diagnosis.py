"""What is found to be in the way of a model, by what Kubernetes, KubeRay and Ray Serve say."""

from datetime import UTC, datetime
from typing import Any

import pytest

from fairlead_operator.diagnosis import LONGEST, diagnose
from fairlead_operator.observed import Observed
from fairlead_operator.reasons import Trouble
from tests.contract.manifests import deployment
from tests.operator.support.troubles import TROUBLES, Provoked

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("what", TROUBLES)
def test_trouble(what: str) -> None:
    """Each trouble has its reason, and one line that says what to change."""
    provoked = TROUBLES[what]

    problem = diagnose(deployment(**provoked.spec), seen(provoked))

    assert problem is not None
    assert problem.reason == provoked.reason
    assert provoked.advice in problem.message
    assert "\n" not in problem.message
    assert len(problem.message) <= LONGEST


def test_healthy() -> None:
    """Nothing is in the way of a model whose pods and application run, whatever happened to them before."""
    ended = {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}
    recovered = {"name": "ray-worker", "ready": True, "state": {"running": {}}, "lastState": ended}
    pod = {"metadata": {"name": "demo-worker"}, "status": {"phase": "Running", "containerStatuses": [recovered]}}

    assert diagnose(deployment(), Observed(NOW, rayservice=ray_service("RUNNING", ""), pods=(pod,))) is None


def test_kuberay_missing() -> None:
    """Where nothing knows RayServices, it is said what to install, and nothing else matters."""
    problem = diagnose(deployment(), Observed(NOW, has_kuberay=False))

    assert problem is not None
    assert problem.reason == Trouble.KUBERAY_MISSING
    assert "install KubeRay" in problem.message


def test_newer_cluster_speaks_first() -> None:
    """Of two clusters the one that is being built says what is wrong with the present spec."""
    found = ray_service("RUNNING", "")
    found["status"]["pendingServiceStatus"] = ray_service("DEPLOY_FAILED", "ValueError: no such thing")["status"][
        "activeServiceStatus"
    ]

    problem = diagnose(deployment(), Observed(NOW, rayservice=found))

    assert problem is not None
    assert problem.reason == Trouble.ENGINE_START_FAILED


def seen(provoked: Provoked) -> Observed:
    """Return the look at which a trouble shows."""
    named = {"metadata": {"name": "demo-worker-1"}}
    failing = "DEPLOY_FAILED" if provoked.serve else "DEPLOYING"
    warnings = ({"reason": provoked.warning[0], "message": provoked.warning[1]},) if provoked.warning else ()
    return Observed(
        NOW,
        rayservice=ray_service(failing, provoked.serve, provoked.ray_cluster),
        pods=({**named, "status": provoked.pod},) if provoked.pod else (),
        job={**named, "status": provoked.job} if provoked.job else None,
        volume_claim={**named, "status": provoked.claim} if provoked.claim else None,
        warnings=warnings,
    )


def ray_service(status: str, message: str, failure: str = "") -> dict[str, Any]:
    told: dict[str, Any] = {
        "rayClusterName": "demo-first",
        "applicationStatuses": {
            "demo": {"status": status, "serveDeploymentStatuses": {"replica": {"status": "", "message": message}}}
        },
    }
    if failure:
        condition = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreatePod", "message": failure}
        told["rayClusterStatus"] = {"conditions": [condition]}
    return {"metadata": {"name": "demo", "generation": 1}, "status": {"activeServiceStatus": told}}
