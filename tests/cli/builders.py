"""Manifests, platforms and Serve's answers, as short as a test's sentence needs them."""

import os
from typing import Any

from fairlead_cli.applied import Applied
from fairlead_cli.observed import Observed
from fairlead_cli.platform import Platform, Service, ServiceState
from fairlead_cli.ports import Ports
from fairlead_cli.processes import ProcessId, identify
from fairlead_contract.modeldeployment import ModelDeployment
from fairlead_contract.replica_facts import ReplicaFacts

PORTS = Ports(**{name: 20_000 + number for number, name in enumerate(Ports.model_fields)})


def deployment(name: str = "demo", **spec: Any) -> ModelDeployment:
    """Return a manifest; `spec` overrides the spec's parts."""
    model = {"source": f"hf://org/{name}"} | spec.pop("model", {})
    return ModelDeployment.model_validate(
        {
            "apiVersion": "fairlead.dev/v1alpha1",
            "kind": "ModelDeployment",
            "metadata": {"name": name},
            "spec": {"model": model, **spec},
        },
        strict=False,
    )


def applied(name: str = "demo", created_at: int = 1, **spec: Any) -> Applied:
    """Return a manifest in force."""
    return Applied(deployment(name, **spec), created_at)


def me() -> ProcessId:
    """Return the identity of the test's own process, which is alive for sure."""
    found = identify(os.getpid())
    assert found is not None
    return found


DEAD = ProcessId(pid=1, started=-1, boot_id="of an earlier boot")


def service(name: str, *, alive: bool = True, **changes: Any) -> Service:
    """Return a service that runs, or one whose process is gone."""
    return Service(name=name, state=ServiceState.RUNNING, process=me() if alive else DEAD, **changes)


def platform(**services: Service) -> Platform:
    """Return a platform whose services run, but for those given."""
    usual = {name: service(name) for name in ("valkey", "ray", "gateway")}
    return Platform(supervisor=me(), ports=PORTS, services=usual | services)


def replica(state: str = "RUNNING", replica_id: str = "r1") -> dict[str, Any]:
    return {"replica_id": replica_id, "state": state, "log_file_path": f"/serve/{replica_id}.log", "worker_id": "w"}


def application(
    status: str = "RUNNING", *, replicas: int = 1, target: int = 1, message: str = "", state: str = ""
) -> dict[str, Any]:
    """Return one application as Serve's REST interface tells of it, with replicas of one state."""
    state = state or ("RUNNING" if status == "RUNNING" else "STARTING")
    serving = {
        "target_num_replicas": target,
        "message": message,
        "replicas": [replica(state, f"r{number + 1}") for number in range(replicas)],
    }
    return {"status": status, "message": "", "deployments": {"replica": serving}}


def observed(*entries: Applied, facts: dict[str, tuple[ReplicaFacts, ...]] | None = None, **seen: Any) -> Observed:
    """Return one look at a running platform; `seen` names Serve's applications, or overrides parts of the look."""
    parts: dict[str, Any] = {"platform": platform()} | {
        name: seen.pop(name) for name in ("platform", "serve", "orphans") if name in seen
    }
    parts.setdefault("serve", {"applications": seen})
    return Observed(entries, facts=facts or {}, **parts)
