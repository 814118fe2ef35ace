"""What the status says of a model, judged from one look at the world and the plan for it. Pure.

Each condition is judged by itself; `Ready` follows from the others. Nothing is True here that a request through the
gateway would not confirm.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from fairlead_contract.modeldeployment import ModelDeployment
from fairlead_contract.names import MODEL_LABEL
from fairlead_contract.replica_facts import ReplicaFacts
from fairlead_contract.sizing import gpus_per_replica
from fairlead_contract.status import Choice, Condition, EngineFacts, Phase, Progress, Status
from fairlead_operator import serving_status
from fairlead_operator.diagnosis import Problem, diagnose
from fairlead_operator.observed import Json, Observed
from fairlead_operator.plan import Plan
from fairlead_operator.reasons import Course, Trouble
from fairlead_operator.serving_status import RUNNING
from fairlead_operator.settings import Settings

Truth = Literal["True", "False", "Unknown"]

ACCEPTED = "Accepted"
CACHED = "ModelCached"
WORKLOAD = "WorkloadReady"
ROUTE = "RouteReady"
READY = "Ready"
PROGRESSING = "Progressing"
SUSPENDED = "Suspended"

COLD = "cold"
"""How a gateway calls a model that does not answer the requests which wait for it."""

_SENDING = frozenset({"routed", COLD})
_MESSAGE_LENGTH = 4096
_FETCHED = frozenset({"loading", "ready"})
"""Phases of a replica that has its weights."""

_NO_FETCH = frozenset({"file", "pvc", "oci"})
"""Schemes of sources that lie where pods can read them."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One condition, before it is known since when it holds."""

    type: str
    status: Truth
    reason: str
    message: str = ""
    generation: int | None = None
    """Of the spec that it is about; None means the present one."""

    @property
    def is_true(self) -> bool:
        return self.status == "True"


@dataclass(frozen=True, slots=True)
class Case:
    """All that is judged."""

    deployment: ModelDeployment
    metadata: Json
    observed: Observed
    plan: Plan
    settings: Settings
    progress: Progress | None = None
    refused: Problem | None = None
    """Why the API server did not take what was planned."""

    @property
    def generation(self) -> int:
        found: int = self.metadata["generation"]
        return found

    @property
    def is_deleted(self) -> bool:
        return "deletionTimestamp" in self.metadata


def judge(case: Case, previous: Json) -> Status:
    """Return the whole status.

    Args:
        case: What is judged.
        previous: The status so far, from which conditions that did not change keep their time.
    """
    problem = None if case.deployment.spec.suspend or case.is_deleted else _problem(case)
    accepted = _accepted(case)
    suspended = _suspended(case)
    cached = _cached(case)
    workload = _workload(case, problem, served=_is_said(previous, WORKLOAD))
    route = _route(case, accepted)
    ready = _ready(case, (accepted, suspended, workload, route))
    progressing = _progressing(case, ready, problem)
    ready_replicas, wanted = _counts(case)
    findings = (ready, accepted, cached, workload, route, progressing, suspended)
    return Status(
        observed_generation=case.generation,
        phase=_phase(case, ready, workload, problem),
        model=case.deployment.served_name,
        url=f"{case.settings.public_url.rstrip('/')}/v1" if case.settings.public_url else None,
        replicas=max(ready_replicas, _existing(case)),
        ready_replicas=ready_replicas,
        ready=f"{ready_replicas}/{wanted}",
        selector=f"{MODEL_LABEL}={case.deployment.name}",
        gpus=_existing(case) * gpus_per_replica(case.deployment),
        progress=case.progress,
        engine=_engine(case.observed.facts),
        choices=tuple(Choice(what=each.what, taken=each.taken, why=each.why) for each in case.plan.choices),
        last_error=_last_error(case, problem),
        conditions=timed(findings, previous, at=case.observed.at, generation=case.generation),
    )


def refused_status(
    problem: Problem, *, name: str, generation: int, settings: Settings, previous: Json, at: datetime
) -> Status:
    """Return the status of a ModelDeployment whose manifest cannot be read; what it served before goes on."""
    kept = Status.model_validate_json(json.dumps(previous)) if previous else Status()
    accepted = Finding(ACCEPTED, "False", problem.reason, problem.message)
    findings = [accepted]
    served = next((each for each in kept.conditions if each.type == READY), None)
    if served is None or served.status != "True":
        findings.append(Finding(READY, "False", problem.reason, problem.message))
    else:
        findings.append(
            Finding(READY, "True", Course.SERVING_PREVIOUS_SPEC, _previous_spec(), served.observed_generation)
        )
    others = tuple(each for each in kept.conditions if each.type not in (ACCEPTED, READY))
    conditions = timed(findings, previous, at=at, generation=generation)
    return kept.model_copy(
        update={
            "observed_generation": generation,
            "phase": "Failed" if served is None or served.status != "True" else "Degraded",
            "model": kept.model or name,
            "ready": kept.ready or "0/0",
            "last_error": problem.message,
            "url": kept.url or (f"{settings.public_url.rstrip('/')}/v1" if settings.public_url else None),
            "conditions": (*conditions, *others),
        }
    )


def timed(findings: Sequence[Finding], previous: Json, *, at: datetime, generation: int) -> tuple[Condition, ...]:
    """Return conditions, each with the time at which its status became what it is."""
    since = {each["type"]: (each["status"], each["lastTransitionTime"]) for each in previous.get("conditions", ())}
    conditions = []
    for finding in findings:
        status, time = since.get(finding.type, ("", ""))
        conditions.append(
            Condition(
                type=finding.type,
                status=finding.status,
                reason=finding.reason,
                message=finding.message[:_MESSAGE_LENGTH],
                last_transition_time=datetime.fromisoformat(time) if status == finding.status else at,
                observed_generation=generation if finding.generation is None else finding.generation,
            )
        )
    return tuple(conditions)


def _problem(case: Case) -> Problem | None:
    return case.refused or diagnose(case.deployment, case.observed)


def _accepted(case: Case) -> Finding:
    refusal = case.plan.refusal
    if refusal:
        return Finding(ACCEPTED, "False", refusal.reason, refusal.message)
    return Finding(ACCEPTED, "True", Course.ACCEPTED, "the manifest is valid and its names are free")


def _suspended(case: Case) -> Finding:
    if not case.deployment.spec.suspend:
        return Finding(SUSPENDED, "False", Course.NOT_SUSPENDED)
    if case.plan.draining:
        return Finding(SUSPENDED, "Unknown", Course.DRAINING, "the last requests are being answered")
    return Finding(SUSPENDED, "True", Course.SUSPENDED, "spec.suspend is true; set it to false to start the model")


def _cached(case: Case) -> Finding:
    phases = {each.phase for each in (*case.observed.facts, *case.observed.fetching)}
    if case.deployment.source.scheme in _NO_FETCH:
        return Finding(CACHED, "True", Course.NOTHING_TO_FETCH, "the weights lie where replicas read them")
    if _has_ended(case.observed.job) or phases & _FETCHED:
        return Finding(CACHED, "True", Course.CACHED, "the weights have been fetched")
    if "downloading" in phases or case.observed.job:
        return Finding(CACHED, "False", Course.DOWNLOADING, case.progress.summary if case.progress else "")
    return Finding(CACHED, "Unknown", Course.NOT_STARTED, "nothing has said yet that it has the weights")


def _has_ended(job: Json | None) -> bool:
    """Return whether a job has done what it was for."""
    return bool((job or {}).get("status", {}).get("succeeded"))


def _is_said(previous: Json, condition: str) -> bool:
    return any(each["type"] == condition and each["status"] == "True" for each in previous.get("conditions", ()))


def _workload(case: Case, problem: Problem | None, *, served: bool) -> Finding:
    """Judge what runs; `served` is whether it did at the last look."""
    if case.deployment.spec.suspend:
        return Finding(WORKLOAD, "False", Course.SUSPENDED, "spec.suspend is true")
    application = serving_status.active(case.observed.rayservice)
    if application and application.status == RUNNING:
        return _running(case, problem)
    if served and _ready_replicas(case):
        return Finding(WORKLOAD, "True", Course.SERVING, "those replicas that are there answer")
    if problem:
        return Finding(WORKLOAD, "False", problem.reason, problem.message)
    course = _starting(case)
    return Finding(WORKLOAD, "False", course, _STARTING[course])


def _running(case: Case, problem: Problem | None) -> Finding:
    """Judge what Ray Serve calls running, by the replicas that say that they are there."""
    if _ready_replicas(case):
        return Finding(WORKLOAD, "True", Course.SERVING)
    if case.deployment.spec.scaling.min_replicas == 0:
        if not _existing(case):
            return Finding(WORKLOAD, "True", Course.SCALED_TO_ZERO, "no replica runs; the next request starts one")
        if problem is None:
            return Finding(WORKLOAD, "True", Course.WAKING, "a replica is starting; requests wait for it")
    elif not _existing(case):
        return Finding(WORKLOAD, "True", Course.SERVING, "Ray Serve says so; no replica's metrics can be read")
    if problem:
        return Finding(WORKLOAD, "False", problem.reason, problem.message)
    return Finding(WORKLOAD, "False", Trouble.NO_READY_REPLICA, "no replica answers; Ray Serve starts another one")


_STARTING = {
    Course.PENDING: "the Ray cluster has not been made yet",
    Course.SCHEDULING: "pods wait for a node",
    Course.PULLING_IMAGE: "nodes are fetching the image",
    Course.STARTING_RAY: "the Ray cluster is starting",
    Course.DOWNLOADING: "the weights are being fetched",
    Course.LOADING: "the engine is loading the model",
}


def _starting(case: Case) -> Course:
    """Return how far a model is that does not serve yet, by the replica that has come furthest."""
    phases = {each.phase for each in case.observed.facts}
    pods = case.observed.pods
    if phases & _FETCHED:
        return Course.LOADING
    if "downloading" in phases | {each.phase for each in case.observed.fetching}:
        return Course.DOWNLOADING
    if not pods:
        return Course.PENDING
    if any(pod.get("status", {}).get("phase") == "Running" for pod in pods):
        return Course.STARTING_RAY
    return Course.PULLING_IMAGE if any(_is_placed(pod) for pod in pods) else Course.SCHEDULING


def _is_placed(pod: Json) -> bool:
    return bool(pod.get("spec", {}).get("nodeName"))


def _route(case: Case, accepted: Finding) -> Finding:
    views = case.observed.gateways
    if not views:
        return Finding(ROUTE, "False", Trouble.NO_GATEWAY, "no gateway answers: see the gateway's pods")
    unknowing = [view for view in views if view.generation is None]
    if unknowing:
        return Finding(ROUTE, "False", Trouble.NOT_ROUTED, f"gateway {unknowing[0].gateway} does not know the model")
    if shut := [view for view in views if view.state not in _SENDING]:
        return Finding(ROUTE, "False", Trouble.NOT_ROUTED, f"gateway {shut[0].gateway} calls it {shut[0].state}")
    if any(view.state == COLD for view in views) and not _wakes(case):
        return Finding(ROUTE, "False", Trouble.NOT_ANSWERING, "gateways hold requests, for no replica answers them")
    generation = min(view.generation for view in views if view.generation is not None)
    if generation < case.generation and accepted.is_true:
        return Finding(
            ROUTE, "False", Course.ROUTES_OLDER_SPEC, f"a gateway still routes by generation {generation} of the spec"
        )
    return Finding(ROUTE, "True", Course.ROUTED, "", generation)


def _ready(case: Case, findings: tuple[Finding, Finding, Finding, Finding]) -> Finding:
    accepted, suspended, workload, route = findings
    if case.is_deleted:
        return Finding(READY, "False", Course.DELETING, "the model is being deleted")
    if suspended.status != "False":
        return Finding(READY, "False", suspended.reason, suspended.message)
    for needed in (workload, route):
        if not needed.is_true:
            worse = needed if accepted.is_true else accepted
            return Finding(READY, "False", worse.reason, worse.message)
    if not accepted.is_true:
        served = min(case.generation - 1, route.generation or 0)
        return Finding(READY, "True", Course.SERVING_PREVIOUS_SPEC, _previous_spec(), served)
    return Finding(READY, "True", workload.reason, workload.message or "requests are answered")


def _previous_spec() -> str:
    return "the present spec is refused; the one before goes on serving"


def _progressing(case: Case, ready: Finding, problem: Problem | None) -> Finding:
    if case.is_deleted or case.plan.draining:
        return Finding(PROGRESSING, "True", Course.DRAINING, "the last requests are being answered")
    if case.deployment.spec.suspend:
        return Finding(PROGRESSING, "False", Course.SUSPENDED)
    change = _change(case, problem)
    if change:
        return change
    if ready.is_true:
        return Finding(PROGRESSING, "False", Course.SETTLED)
    return Finding(PROGRESSING, "True", ready.reason, ready.message)


def _change(case: Case, problem: Problem | None) -> Finding | None:
    """Return what is under way, or stuck, besides a first start."""
    rayservice = case.observed.rayservice
    active, pending = serving_status.active(rayservice), serving_status.pending(rayservice)
    if active and pending:
        return Finding(PROGRESSING, "True", Course.NEW_CLUSTER, _rollout(case, active.cluster, pending.cluster))
    if problem:
        return Finding(PROGRESSING, "False", Course.STUCK, problem.message)
    if rayservice and active and not serving_status.is_heard(rayservice):
        return Finding(PROGRESSING, "True", Course.UPDATING, "KubeRay has not seen the present spec yet")
    if active and active.status == "DEPLOYING":
        return Finding(PROGRESSING, "True", Course.UPDATING, "Ray Serve is replacing replicas")
    return None


def _rollout(case: Case, active: str, pending: str) -> str:
    """Say why a second Ray cluster is built; nearly always for another image."""
    before, after = _image(case.observed.pods, active), _image(case.observed.pods, pending)
    why = (
        f"for the image changes from {before} to {after}" if before and after and before != after else "as pods change"
    )
    return f"a second Ray cluster is being built beside the first, {why}; both hold their GPUs until it serves"


def _image(pods: Sequence[Json], cluster: str) -> str | None:
    for pod in pods:
        if pod["metadata"].get("labels", {}).get("ray.io/cluster") == cluster:
            image: str = pod["spec"]["containers"][0]["image"]
            return image
    return None


def _counts(case: Case) -> tuple[int, int]:
    """Return how many replicas answer, and how many there should be at least."""
    if case.deployment.spec.suspend:
        return 0, 0
    return _ready_replicas(case), max(case.deployment.spec.scaling.min_replicas, _existing(case))


def _ready_replicas(case: Case) -> int:
    return sum(each.phase == "ready" for each in case.observed.facts)


def _existing(case: Case) -> int:
    """Return how many replicas there are; what failed has one in its place soon."""
    return sum(each.phase != "failed" for each in case.observed.facts)


def _wakes(case: Case) -> bool:
    """Return whether no replica runs and none has to, so that requests wait for the first."""
    return case.deployment.spec.scaling.min_replicas == 0 and not _ready_replicas(case)


def _engine(facts: Sequence[ReplicaFacts]) -> EngineFacts | None:
    said = next((each for each in facts if each.phase == "ready"), None)
    if said is None:
        return None
    return EngineFacts(
        startup_seconds=said.startup_s, kv_cache_tokens=said.kv_cache_tokens, max_model_len=said.max_model_len
    )


def _last_error(case: Case, problem: Problem | None) -> str | None:
    if case.plan.refusal:
        return case.plan.refusal.message[:1024]
    return problem.message if problem else None


_PHASES: dict[str, Phase] = {
    Course.SCHEDULING: "Scheduling",
    Course.PULLING_IMAGE: "PullingImage",
    Course.DOWNLOADING: "Downloading",
    Course.LOADING: "Loading",
    Course.STARTING_RAY: "Pending",
    Course.SERVING: "Ready",
    Course.SCALED_TO_ZERO: "ScaledToZero",
    Course.WAKING: "Loading",
    Course.SERVING_PREVIOUS_SPEC: "Degraded",
    Course.SUSPENDED: "Suspended",
    Course.DELETING: "Deleting",
}

_LASTING = frozenset({Trouble.NO_READY_REPLICA})
"""Troubles that end by themselves."""


def _phase(case: Case, ready: Finding, workload: Finding, problem: Problem | None) -> Phase:
    if case.is_deleted:
        return "Deleting"
    if ready.is_true and problem:
        return "Degraded"
    if ready.reason in _PHASES:
        return _PHASES[ready.reason]
    if case.plan.refusal or (problem and problem.reason not in _LASTING):
        return "Failed"
    if workload.is_true or workload.reason in _LASTING:
        return "Degraded"
    return "Pending"
