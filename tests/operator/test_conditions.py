"""What the status says, judged from one look: a table of sentences."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fairlead_contract.modeldeployment import ModelDeployment
from fairlead_contract.replica_facts import ReplicaFacts
from fairlead_contract.status import Condition, Status
from fairlead_operator.conditions import Case, judge
from fairlead_operator.observed import GatewayView, Json, Observed
from fairlead_operator.plan import Plan
from fairlead_operator.refusals import Refusal
from fairlead_operator.settings import Settings
from tests.contract.manifests import deployment

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
METADATA: Json = {"name": "demo", "namespace": "models", "generation": 3}
SETTINGS = Settings(
    serving_image="image", gateway_namespace="fairlead", public_url="https://models.example/", hop_root_file=Path("/x")
)
READY = ReplicaFacts("a", "ready", startup_s=23.0, kv_cache_tokens=4096, max_model_len=2048)
LOADING = ReplicaFacts("b", "loading")
ROUTED = GatewayView("http://10.0.0.1:9090", 3, "routed")
NOTHING = Plan()
ZERO = {"scaling": {"minReplicas": 0, "maxReplicas": 2}}
REFUSAL = Refusal("NameTaken", "the name demo belongs to models/older; write another spec.model.name")


def serving(status: str = "RUNNING", *, message: str = "", pending: bool = False, heard: int = 1) -> Json:
    """Return a RayService as KubeRay reports of it."""
    replica = {"status": "HEALTHY", "message": message}
    told: Json = {
        "observedGeneration": heard,
        "activeServiceStatus": {
            "rayClusterName": "demo-first",
            "applicationStatuses": {"demo": {"status": status, "serveDeploymentStatuses": {"replica": replica}}},
        },
    }
    if pending:
        told["pendingServiceStatus"] = {"rayClusterName": "demo-second"}
    return {"metadata": {"name": "demo", "generation": 1}, "status": told}


def pod(cluster: str = "demo-first", image: str = "old", **status: Any) -> Json:
    node = {"nodeName": "one"} if status.pop("placed", True) else {}
    return {
        "metadata": {"name": "demo-worker", "labels": {"ray.io/cluster": cluster}},
        "spec": {"containers": [{"image": image}], **node},
        "status": status,
    }


@dataclass(frozen=True)
class Row:
    """What is seen, and what must be said: each condition as its status and reason."""

    said: Mapping[str, str]
    phase: str
    rayservice: Json | None = None
    facts: tuple[ReplicaFacts, ...] = ()
    pods: tuple[Json, ...] = ()
    gateways: tuple[GatewayView, ...] = (ROUTED,)
    spec: Json = field(default_factory=dict)
    metadata: Json = field(default_factory=dict)
    plan: Plan = NOTHING
    has_kuberay: bool = True


ROWS = {
    "a model whose replicas answer and that every gateway routes is ready": Row(
        {
            "Ready": "True Serving",
            "Accepted": "True Accepted",
            "ModelCached": "True Cached",
            "WorkloadReady": "True Serving",
            "RouteReady": "True Routed",
            "Progressing": "False Settled",
            "Suspended": "False NotSuspended",
        },
        "Ready",
        serving(),
        (READY,),
    ),
    "Ray Serve is believed where no metrics can be read": Row({"Ready": "True Serving"}, "Ready", serving()),
    "a model at zero is ready, for the next request wakes it": Row(
        {"Ready": "True ScaledToZero", "Progressing": "False Settled"}, "ScaledToZero", serving(), spec=ZERO
    ),
    "a model that wakes is ready, for requests wait for it": Row(
        {"Ready": "True Waking"},
        "Loading",
        serving(),
        (LOADING,),
        gateways=(replace(ROUTED, state="cold"),),
        spec=ZERO,
    ),
    "a model that must run but of which no replica answers is not ready": Row(
        {"Ready": "False NoReadyReplica", "WorkloadReady": "False NoReadyReplica"}, "Degraded", serving(), (LOADING,)
    ),
    "a model that gateways find silent is not ready, whatever Ray Serve says": Row(
        {"Ready": "False NotAnswering", "WorkloadReady": "True Serving", "RouteReady": "False NotAnswering"},
        "Degraded",
        serving(),
        (READY,),
        gateways=(replace(ROUTED, state="cold"),),
    ),
    "a model that one gateway does not know is not ready": Row(
        {"Ready": "False NotRouted"}, "Degraded", serving(), (READY,), gateways=(ROUTED, GatewayView("other", None))
    ),
    "a model that one gateway routes by an older spec is not ready": Row(
        {"Ready": "False RoutesOlderSpec"},
        "Degraded",
        serving(),
        (READY,),
        gateways=(ROUTED, GatewayView("other", 2, "routed")),
    ),
    "a model is not ready without a gateway": Row(
        {"Ready": "False NoGateway", "RouteReady": "False NoGateway"}, "Degraded", serving(), (READY,), gateways=()
    ),
    "a new model waits for its Ray cluster": Row(
        {"Ready": "False Pending", "Progressing": "True Pending", "ModelCached": "Unknown NotStarted"}, "Pending"
    ),
    "pods that wait for a node are being scheduled": Row(
        {"Ready": "False Scheduling"}, "Scheduling", serving("DEPLOYING"), pods=(pod(phase="Pending", placed=False),)
    ),
    "pods that have a node fetch their image": Row(
        {"Ready": "False PullingImage"}, "PullingImage", serving("DEPLOYING"), pods=(pod(phase="Pending"),)
    ),
    "pods that run and say nothing yet start Ray": Row(
        {"Ready": "False StartingRay"}, "Pending", serving("DEPLOYING"), pods=(pod(phase="Running"),)
    ),
    "replicas that download are said to": Row(
        {"Ready": "False Downloading", "ModelCached": "False Downloading"},
        "Downloading",
        serving("DEPLOYING"),
        (ReplicaFacts("a", "downloading", 1, 2),),
        (pod(phase="Running"),),
    ),
    "replicas that load have their weights": Row(
        {"Ready": "False Loading", "ModelCached": "True Cached"}, "Loading", serving("DEPLOYING"), (LOADING,)
    ),
    "weights that lie in a volume need not be fetched": Row(
        {"ModelCached": "True NothingToFetch"}, "Pending", spec={"model": {"source": "pvc://models/demo"}}
    ),
    "a start that failed tells why, and that nothing goes on": Row(
        {"Ready": "False EngineStartFailed", "Progressing": "False Stuck"},
        "Failed",
        serving("DEPLOY_FAILED", message="ValueError: no"),
    ),
    "a second cluster is told of while the first serves": Row(
        {"Ready": "True Serving", "Progressing": "True NewClusterRollout"},
        "Ready",
        serving(pending=True),
        (READY,),
        (pod(), pod("demo-second", "new")),
    ),
    "a second cluster that cannot start leaves a model that serves degraded": Row(
        {"Ready": "True Serving", "Progressing": "True NewClusterRollout"},
        "Degraded",
        serving(pending=True),
        (READY,),
        (
            pod(
                "demo-second",
                phase="Pending",
                conditions=[{"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}],
            ),
        ),
    ),
    "a first replica is ready when Ray Serve says so": Row(
        {"Ready": "False Loading", "Progressing": "True Updating"}, "Loading", serving("DEPLOYING"), (READY, LOADING)
    ),
    "a spec that KubeRay has not seen is on its way": Row(
        {"Ready": "True Serving", "Progressing": "True Updating"}, "Ready", serving(heard=0), (READY,)
    ),
    "a suspended model is not ready, and nothing goes on": Row(
        {
            "Ready": "False Suspended",
            "Suspended": "True Suspended",
            "Progressing": "False Suspended",
            "WorkloadReady": "False Suspended",
        },
        "Suspended",
        spec={"suspend": True},
        gateways=(replace(ROUTED, state="suspended"),),
    ),
    "a model that is being suspended answers its last requests first": Row(
        {"Ready": "False Draining", "Suspended": "Unknown Draining", "Progressing": "True Draining"},
        "Pending",
        serving(),
        (READY,),
        spec={"suspend": True},
        plan=Plan(draining=True),
    ),
    "a model that is being deleted is not ready": Row(
        {"Ready": "False Deleting", "Progressing": "True Draining"},
        "Deleting",
        serving(),
        (READY,),
        metadata={"deletionTimestamp": "2026-01-01T11:59:59Z"},
        plan=Plan(draining=True),
    ),
    "a model whose name is taken is refused": Row(
        {"Accepted": "False NameTaken", "Ready": "False NameTaken"}, "Failed", plan=Plan(refusal=REFUSAL)
    ),
    "a model that serves goes on by its former spec when the present one is refused": Row(
        {"Accepted": "False NameTaken", "Ready": "True ServingPreviousSpec"},
        "Degraded",
        serving(),
        (READY,),
        gateways=(GatewayView("http://10.0.0.1:9090", 2, "routed"),),
        plan=Plan(refusal=REFUSAL),
    ),
    "where KubeRay is missing, that is what is said": Row(
        {"Ready": "False KubeRayMissing", "Accepted": "True Accepted"}, "Failed", has_kuberay=False
    ),
}


@pytest.mark.parametrize("what", ROWS)
def test_judgement(what: str) -> None:
    """Each sentence of the table holds."""
    row = ROWS[what]

    status = judged(row)

    said = {each.type: f"{each.status} {each.reason}" for each in status.conditions}
    assert {type_: said[type_] for type_ in row.said} == row.said
    assert status.phase == row.phase
    assert len(said) == len(status.conditions) == 7


def test_facts() -> None:
    """The status tells replicas, address, GPUs and what an engine said of itself."""
    spec = {
        "scaling": {"minReplicas": 2, "maxReplicas": 4},
        "resources": {"accelerator": "nvidia-l4"},
        "parallelism": {"tensor": 4},
    }

    status = judged(Row({}, "Ready", serving(), (READY, LOADING), spec=spec))

    assert (status.ready, status.ready_replicas, status.replicas, status.gpus) == ("1/2", 1, 2, 8)
    assert (status.model, status.url) == ("demo", "https://models.example/v1")
    assert status.selector == "fairlead.dev/model=demo"
    assert status.engine is not None
    assert (status.engine.startup_seconds, status.engine.kv_cache_tokens) == (23.0, 4096)


def test_rollout_says_why() -> None:
    """A second cluster names the images between which it moves, and what it costs."""
    status = judged(ROWS["a second cluster is told of while the first serves"])

    message = condition(status, "Progressing").message
    assert "the image changes from old to new" in message
    assert "both hold their GPUs" in message


@pytest.mark.parametrize(
    "serve, facts, ready, progressing, phase",
    [
        ("DEPLOYING", (READY, LOADING), "True Serving", "True Updating", "Ready"),
        ("DEPLOYING", (LOADING,), "False Loading", "True Updating", "Loading"),
        ("DEPLOY_FAILED", (READY,), "True Serving", "False Stuck", "Degraded"),
        ("DEPLOY_FAILED", (), "False EngineStartFailed", "False Stuck", "Failed"),
    ],
)
def test_a_model_that_served_is_ready_while_a_replica_answers(
    serve: str, facts: tuple[ReplicaFacts, ...], ready: str, progressing: str, phase: str
) -> None:
    """While replicas are replaced, and when that fails, those that are there answer on, and the status says so."""
    before = judged(Row({}, "Ready", serving(), (READY,)))

    status = judged(Row({}, phase, serving(serve, message="ValueError: no"), facts), previous=before)

    said = {each.type: f"{each.status} {each.reason}" for each in status.conditions}
    assert (said["Ready"], said["Progressing"], status.phase) == (ready, progressing, phase)


def test_times_are_those_of_transitions() -> None:
    """A condition keeps its time while its status stays, whatever its reason, and gets a new one when it changes."""
    before = judged(ROWS["replicas that load have their weights"])
    later = NOW + timedelta(minutes=5)

    failed = judged(ROWS["a start that failed tells why, and that nothing goes on"], previous=before, at=later)
    ready = judged(ROWS["Ray Serve is believed where no metrics can be read"], previous=before, at=later)

    assert condition(failed, "Ready").reason == "EngineStartFailed"
    assert condition(failed, "Ready").last_transition_time == NOW
    assert condition(ready, "Ready").last_transition_time == later


def test_observed_generation() -> None:
    """Conditions are about the present spec, but that of a model which serves by its former spec is about that one."""
    accepted = judged(ROWS["Ray Serve is believed where no metrics can be read"])
    refused = judged(ROWS["a model that serves goes on by its former spec when the present one is refused"])

    assert condition(accepted, "Ready").observed_generation == 3
    assert condition(refused, "Accepted").observed_generation == 3
    assert condition(refused, "Ready").observed_generation == 2


def judged(row: Row, *, previous: Status | None = None, at: datetime = NOW) -> Status:
    observed = Observed(
        at,
        rayservice=row.rayservice,
        has_kuberay=row.has_kuberay,
        pods=row.pods,
        gateways=row.gateways,
        facts=row.facts,
    )
    model: ModelDeployment = deployment(**row.spec)
    case = Case(model, METADATA | row.metadata, observed, row.plan, SETTINGS)
    return judge(case, previous.model_dump(mode="json", by_alias=True, exclude_none=True) if previous else {})


def condition(status: Status, type_: str) -> Condition:
    return next(each for each in status.conditions if each.type == type_)
