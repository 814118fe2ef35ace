"""What was seen, as one line per model and per service. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from fairlead_cli.applied import Applied
from fairlead_cli.observed import Observed
from fairlead_cli.platform import Platform
from fairlead_cli.services import GATEWAY, RAY
from fairlead_contract.cause import root_cause
from fairlead_contract.modeldeployment import Task
from fairlead_contract.names import REPLICA_DEPLOYMENT, application_name
from fairlead_contract.replica_facts import ReplicaFacts


class Phase(StrEnum):
    """Where a model stands."""

    STOPPED = "Stopped"
    """The platform is down."""

    SUSPENDED = "Suspended"
    UNKNOWN = "Unknown"
    """Ray does not answer."""

    PENDING = "Pending"
    STARTING = "Starting"
    DOWNLOADING = "Downloading"
    LOADING = "Loading"
    READY = "Ready"
    SCALED_TO_ZERO = "ScaledToZero"
    DEGRADED = "Degraded"
    """Replicas answer, mostly of an earlier manifest, but those of the present one could not all start."""

    UNHEALTHY = "Unhealthy"
    FAILED = "Failed"
    DELETING = "Deleting"


_SLOW_START = "to initialize"
"""Part of Serve's note that a replica takes long; that it loads, and for how long, is shown anyway."""

SETTLED = frozenset({Phase.READY, Phase.SCALED_TO_ZERO, Phase.SUSPENDED})
"""Phases in which nothing more is to be waited for."""

IN_VAIN = frozenset({Phase.FAILED, Phase.DEGRADED})
"""Phases in which the present manifest will not come into force, however long it is waited for."""


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """One model, as a person asks for it."""

    model: str
    names: tuple[str, ...]
    engine: str
    phase: Phase
    task: Task = "generate"
    ready: int = 0
    target: int = 0
    tensor: int = 1
    pipeline: int = 1
    download_bytes: int = 0
    download_total_bytes: int = 0
    download_left_s: int | None = None
    load_s: float | None = None
    kv_cache_tokens: int | None = None
    max_model_len: int | None = None
    ranks: tuple[tuple[int, int], ...] = ()
    url: str = ""
    message: str = ""


def model_rows(observed: Observed) -> list[ModelStatus]:
    """Return one row per applied model, and one per application that Serve still runs but nobody applied."""
    rows = [_model(entry, observed) for entry in observed.applied]
    known = {application_name(entry.name) for entry in observed.applied}
    serving = _applications(observed)
    leaving = [name for name in serving if name not in known]
    return rows + [ModelStatus(name, (), "", Phase.DELETING, message="is draining") for name in leaving]


def serve_deployment(observed: Observed, model: str) -> Mapping[str, Any]:
    """Return what Serve says of a model's replicas; nothing where it does not know the model."""
    application = _applications(observed).get(application_name(model)) or {}
    found: Mapping[str, Any] = application.get("deployments", {}).get(REPLICA_DEPLOYMENT, {})
    return found


def _applications(observed: Observed) -> Mapping[str, Any]:
    found: Mapping[str, Any] = (observed.serve or {}).get("applications", {})
    return found


def _model(entry: Applied, observed: Observed) -> ModelStatus:
    deployment = entry.deployment
    spec = deployment.spec
    serving = serve_deployment(observed, entry.name)
    replicas = serving.get("replicas", [])
    target = int(serving.get("target_num_replicas", spec.scaling.min_replicas))
    facts = _living(observed.facts.get(entry.name, ()), replicas)
    phase, message = _phase(entry, observed, facts)
    said = next((one for one in facts if one.phase == "ready"), None)
    loading = [one for one in facts if one.phase == "downloading"]
    return ModelStatus(
        model=entry.name,
        names=deployment.names,
        engine=spec.engine.name,
        phase=phase,
        task=spec.model.task,
        ready=_ready(replicas),
        target=0 if spec.suspend else target,
        tensor=spec.parallelism.tensor,
        pipeline=spec.parallelism.pipeline,
        download_bytes=sum(one.download_bytes for one in loading),
        download_total_bytes=sum(one.download_total_bytes for one in loading),
        download_left_s=max((one.download_left_s for one in loading if one.download_left_s is not None), default=None),
        load_s=said.startup_s if said else None,
        kv_cache_tokens=said.kv_cache_tokens if said else None,
        max_model_len=said.max_model_len if said else None,
        ranks=tuple(rank for one in facts for rank in one.ranks),
        url=f"{observed.platform.address}/v1" if observed.platform and observed.platform.is_up(GATEWAY) else "",
        message=message,
    )


def _phase(entry: Applied, observed: Observed, facts: tuple[ReplicaFacts, ...]) -> tuple[Phase, str]:
    """Return where a model stands and why."""
    if observed.platform is None:
        return Phase.STOPPED, ""
    if entry.deployment.spec.suspend:
        return Phase.SUSPENDED, "spec.suspend is true"
    if observed.serve is None:
        return Phase.UNKNOWN, _ray_message(observed.platform)
    application = _applications(observed).get(application_name(entry.name))
    if application is None:
        refusal = observed.platform.services[RAY].message
        return (Phase.FAILED, refusal) if refusal else (Phase.PENDING, "Ray Serve has not heard of it yet")
    return _serving_phase(application, serve_deployment(observed, entry.name), facts)


def _serving_phase(
    application: Mapping[str, Any], serving: Mapping[str, Any], facts: tuple[ReplicaFacts, ...]
) -> tuple[Phase, str]:
    message = root_cause(serving.get("message", "") or application.get("message", ""))
    match application["status"]:
        case "RUNNING":
            return _running(_ready(serving.get("replicas", [])), int(serving.get("target_num_replicas", 1)))
        case "DEPLOY_FAILED":
            return Phase.DEGRADED if _ready(serving.get("replicas", [])) else Phase.FAILED, message
        case "UNHEALTHY":
            return Phase.UNHEALTHY, message
        case "DELETING":
            return Phase.DELETING, "is draining"
        case _:
            return _starting(facts, serving), "" if _SLOW_START in message else message


def _ready(replicas: Sequence[Mapping[str, Any]]) -> int:
    return sum(replica["state"] == "RUNNING" for replica in replicas)


def _running(ready: int, target: int) -> tuple[Phase, str]:
    if target == 0:
        return Phase.SCALED_TO_ZERO, "starts with the next request"
    if ready == 0:
        return Phase.UNHEALTHY, "no replica answers; a replacement is starting"
    return Phase.READY, "" if ready >= target else f"{target - ready} more starting"


def _starting(facts: tuple[ReplicaFacts, ...], serving: Mapping[str, Any]) -> Phase:
    phases = {one.phase for one in facts}
    if "downloading" in phases:
        return Phase.DOWNLOADING
    if phases & {"loading", "ready"}:
        return Phase.LOADING
    return Phase.STARTING if serving.get("replicas") else Phase.PENDING


def _ray_message(platform: Platform) -> str:
    ray = platform.services.get(RAY)
    if ray is None or not ray.is_running:
        return f"Ray is not running: {ray.message}" if ray and ray.message else "Ray is not running"
    return "Ray does not answer"


def _living(facts: tuple[ReplicaFacts, ...], replicas: Sequence[Mapping[str, Any]]) -> tuple[ReplicaFacts, ...]:
    """Return the facts of replicas that Serve knows; what a dead one said stays on the metrics port for a while."""
    ids = {str(replica["replica_id"]) for replica in replicas}
    return tuple(one for one in facts if one.replica in ids)
