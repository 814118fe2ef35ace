"""What is planned for one ModelDeployment: a table whose rows are sentences."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
import yaml

from fairlead_operator.observed import Claim, Observed
from fairlead_operator.plan import Plan, Ref
from tests.operator.worlds import (
    NOW,
    OBSERVED,
    SETTINGS,
    UID,
    ago,
    found,
    gateway,
    kinds,
    model,
    planned,
    seen,
    settings,
)

RESTING = ["Secret", "Secret", "NetworkPolicy", "NetworkPolicy", "PodDisruptionBudget"]
RAY_SERVICE = Ref("ray.io/v1", "RayService", "team-a", "demo")
GPU = {"accelerator": "nvidia-h100-80gb", "cpu": 16, "memory": "200Gi"}
RUNS = seen(planned(model()))
SUSPENDED = model(suspend=True)
LEAVING: dict[str, Any] = {"deletionTimestamp": ago(10)}
_RUNNING = found(planned(model()), "RayService")
LEAVING_RAY_SERVICE = _RUNNING | {"metadata": _RUNNING["metadata"] | LEAVING}


def cluster(of: Plan) -> dict[str, Any]:
    config: dict[str, Any] = found(of, "RayService")["spec"]["rayClusterConfig"]
    return config


def group(of: Plan) -> dict[str, Any]:
    [only] = cluster(of)["workerGroupSpecs"]
    assert isinstance(only, dict)
    return only


def pod(of: Plan) -> dict[str, Any]:
    spec: dict[str, Any] = group(of)["template"]["spec"]
    return spec


def head(of: Plan) -> dict[str, Any]:
    spec: dict[str, Any] = cluster(of)["headGroupSpec"]["template"]["spec"]
    return spec


def ray(spec: dict[str, Any]) -> dict[str, Any]:
    [container] = spec["containers"]
    assert isinstance(container, dict)
    return container


def variables(container: dict[str, Any]) -> dict[str, Any]:
    return {each["name"]: each.get("value", each.get("valueFrom")) for each in container["env"]}


def served(of: Plan) -> dict[str, Any]:
    config: dict[str, Any] = yaml.safe_load(found(of, "RayService")["spec"]["serveConfigV2"])
    return config


def replica(of: Plan) -> dict[str, Any]:
    [application] = served(of)["applications"]
    [deployment] = application["deployments"]
    assert isinstance(deployment, dict)
    return deployment


def with_job(**status: Any) -> Observed:
    """Return a world in which the weights of the model are fetched into a volume claim."""
    return replace(OBSERVED, **weights(**status))


def weights(**status: Any) -> dict[str, Any]:
    """Return the claim, and the job at some point, as they are seen."""
    first = planned(model(), surroundings=CLAIMED)
    return {"job": found(first, "Job") | {"status": status}, "volume_claim": found(first, "PersistentVolumeClaim")}


CLAIMED = settings(weights=SETTINGS.weights.model_copy(update={"kind": "pvc"}))
FETCHED = {"conditions": [{"type": "Complete", "status": "True"}]}


@dataclass(frozen=True)
class Row:
    """A sentence, the plan that it is about, and what it says of the plan."""

    sentence: str
    plan: Callable[[], Plan]
    holds: Callable[[Plan], bool]


ROWS = [
    Row(
        "A new model becomes its secrets, its policies, its budget and, last of all, its RayService.",
        lambda: planned(model()),
        lambda it: kinds(it) == [*RESTING, "RayService"] and it.finalizer and not it.delete,
    ),
    Row(
        "Everything belongs to the ModelDeployment, and says by a label whose it is.",
        lambda: planned(model(), surroundings=CLAIMED, observed=with_job(**FETCHED)),
        lambda it: all(
            each["metadata"]["ownerReferences"][0]["uid"] == UID
            and each["metadata"]["namespace"] == "team-a"
            and each["metadata"]["labels"]["fairlead.dev/model"] == "demo"
            for each in it.apply
        ),
    ),
    Row(
        "Planning again changes nothing.",
        lambda: planned(model(), seen(planned(model()))),
        lambda it: it == planned(model()),
    ),
    Row(
        "Kueue alone writes whether a RayService is suspended.",
        lambda: planned(model(labels={"kueue.x-k8s.io/queue-name": "gpus"})),
        lambda it: "suspend" not in found(it, "RayService")["spec"] and "suspend" not in cluster(it),
    ),
    # -- sizes ----------------------------------------------------------------------------------------------------
    Row(
        "Tensor parallel 4 is one worker pod with four GPUs, all held by the replica's actor.",
        lambda: planned(model(parallelism={"tensor": 4}, resources=GPU)),
        lambda it: (
            group(it)["numOfHosts"] == 1
            and ray(pod(it))["resources"]["limits"] == {"cpu": "16", "memory": "200Gi", "nvidia.com/gpu": "4"}
            and group(it)["rayStartParams"]["num-gpus"] == "4"
            and replica(it)["ray_actor_options"] == {"num_cpus": 16, "num_gpus": 4}
        ),
    ),
    Row(
        "Pipeline 2 is two hosts that share what the replica reserves, with a bundle for each GPU.",
        lambda: planned(
            model(model={"source": "pvc://models/big"}, parallelism={"tensor": 8, "pipeline": 2}, resources=GPU)
        ),
        lambda it: (
            group(it)["numOfHosts"] == 2
            and ray(pod(it))["resources"]["limits"] == {"cpu": "8", "memory": "100Gi", "nvidia.com/gpu": "8"}
            and replica(it)["placement_group_bundles"] == [{"GPU": 1, "CPU": 1}] + [{"GPU": 1}] * 15
            and replica(it)["placement_group_strategy"] == "PACK"
        ),
    ),
    Row(
        "What Ray counts in a pod is what one replica asks for, so that a pod never holds two.",
        lambda: planned(model(resources={"cpu": "1500m", "memory": "2Gi"})),
        lambda it: (
            ray(pod(it))["resources"]["requests"] == {"cpu": "1500m", "memory": "2Gi"}
            and group(it)["rayStartParams"]["num-cpus"] == "2"
            and replica(it)["ray_actor_options"]["num_cpus"] == 2
        ),
    ),
    Row(
        "An engine on CPU is told how many threads its pod may use, also where the manifest leaves that open.",
        lambda: planned(model(parallelism={"tensor": 2})),
        lambda it: served(it)["applications"][0]["runtime_env"]["env_vars"]["OMP_NUM_THREADS"] == "2",
    ),
    Row(
        "The head holds no replica and no GPU.",
        lambda: planned(model(resources=GPU)),
        lambda it: (
            cluster(it)["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
            and "nvidia.com/gpu" not in ray(head(it))["resources"]["limits"]
            and "affinity" not in head(it)
        ),
    ),
    Row(
        "The head answers for a model at zero, and wakes it.",
        lambda: planned(model(scaling={"minReplicas": 0, "maxReplicas": 2})),
        lambda it: (
            found(it, "RayService")["spec"]["excludeHeadPodFromServeSvc"] is False
            and served(it)["proxy_location"] == "EveryNode"
            and replica(it)["autoscaling_config"]["min_replicas"] == 0
        ),
    ),
    Row(
        "Workers come and go with the replicas that Serve asks room for; the least number starts with the head.",
        lambda: planned(model(scaling={"minReplicas": 2, "maxReplicas": 6})),
        lambda it: (
            (group(it)["replicas"], group(it)["minReplicas"]) == (2, 0)
            and group(it)["maxReplicas"] >= 12
            and cluster(it)["enableInTreeAutoscaling"] is True
            and cluster(it)["autoscalerOptions"]["version"] == "v2"
            and "restartPolicy" not in {**pod(it), **head(it)}
        ),
    ),
    # -- places ---------------------------------------------------------------------------------------------------
    Row(
        "A kind of GPU is found by the labels of every cloud, and its taint is tolerated.",
        lambda: planned(model(resources={"accelerator": "nvidia-l4"})),
        lambda it: (
            {
                term["matchExpressions"][0]["key"]
                for term in pod(it)["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"][
                    "nodeSelectorTerms"
                ]
            }
            == {
                "cloud.google.com/gke-accelerator",
                "nvidia.com/gpu.product",
                "karpenter.k8s.aws/instance-gpu-name",
                "eks.amazonaws.com/instance-gpu-name",
            }
            and pod(it)["tolerations"] == [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]
        ),
    ),
    Row(
        "The manifest's placement is added to the accelerator's, without saying anything twice.",
        lambda: planned(
            model(
                resources={"accelerator": "nvidia-l4"},
                placement={
                    "nodeSelector": {"pool": "blue"},
                    "runtimeClassName": "nvidia",
                    "tolerations": [
                        {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"},
                        {"key": "spot", "operator": "Exists"},
                    ],
                },
            )
        ),
        lambda it: (
            pod(it)["nodeSelector"] == {"pool": "blue"}
            and pod(it)["runtimeClassName"] == "nvidia"
            and [each["key"] for each in pod(it)["tolerations"]] == ["nvidia.com/gpu", "spot"]
        ),
    ),
    Row(
        "An unknown kind of GPU is refused with the known ones, and nothing is touched.",
        lambda: planned(model(resources={"accelerator": "nvidia-l5"}), RUNS),
        lambda it: (
            it.refusal is not None
            and it.refusal.reason == "UnknownAccelerator"
            and "nvidia-l5" in it.refusal.message
            and "nvidia-l4" in it.refusal.message
            and not it.apply
            and not it.delete
        ),
    ),
    # -- weights --------------------------------------------------------------------------------------------------
    Row(
        "Weights in a claim are mounted read-only.",
        lambda: planned(model(model={"source": "pvc://models/llama"})),
        lambda it: (
            {"name": "weights", "persistentVolumeClaim": {"claimName": "models", "readOnly": True}}
            in pod(it)["volumes"]
            and {"name": "weights", "mountPath": "/var/lib/fairlead/claim", "readOnly": True}
            in ray(pod(it))["volumeMounts"]
        ),
    ),
    Row(
        "Weights in an image are mounted as an image.",
        lambda: planned(model(model={"source": "oci://registry.example/llama:1"})),
        lambda it: (
            {"name": "weights", "image": {"reference": "registry.example/llama:1", "pullPolicy": "IfNotPresent"}}
            in pod(it)["volumes"]
        ),
    ),
    Row(
        "No GPU is held before a job has fetched the weights into their volume.",
        lambda: planned(model(), with_job(active=1), surroundings=CLAIMED),
        lambda it: kinds(it) == [*RESTING, "PersistentVolumeClaim"] and it.template is not None,
    ),
    Row(
        "Once the weights are fetched, the model starts.",
        lambda: planned(model(), with_job(**FETCHED), surroundings=CLAIMED),
        lambda it: kinds(it)[-1] == "RayService",
    ),
    Row(
        "While other weights are fetched, what runs goes on.",
        lambda: planned(
            model(model={"source": "hf://fairlead/other"}),
            seen(planned(model(), with_job(**FETCHED), surroundings=CLAIMED), **weights(**FETCHED)),
            surroundings=CLAIMED,
        ),
        lambda it: (
            kinds(it) == [*RESTING, "PersistentVolumeClaim"]
            and it.delete == (Ref("batch/v1", "Job", "team-a", "demo-weights"),)
        ),
    ),
    Row(
        "A path that only the user's machine knows is refused.",
        lambda: planned(model(model={"source": "file://./weights"})),
        lambda it: it.refusal is not None and "file:///folder" in it.refusal.message,
    ),
    # -- pods -----------------------------------------------------------------------------------------------------
    Row(
        "Pods are restricted: another user than root, no privilege, no capability, the runtime's system calls.",
        lambda: planned(model()),
        lambda it: all(
            spec["securityContext"]["runAsNonRoot"]
            and spec["securityContext"]["runAsUser"] == 1000
            and spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
            and context["allowPrivilegeEscalation"] is False
            and context["capabilities"] == {"drop": ["ALL"]}
            and not {"hostPID", "hostNetwork", "hostIPC"} & set(spec)
            for spec in (pod(it), head(it))
            for context in (ray(spec)["securityContext"], cluster(it)["autoscalerOptions"]["securityContext"])
        ),
    ),
    Row(
        "Workers have no token of the cluster; the head needs one for the autoscaler beside it.",
        lambda: planned(model()),
        lambda it: pod(it)["automountServiceAccountToken"] is False and "automountServiceAccountToken" not in head(it),
    ),
    Row(
        "Ray asks for the token of the model's own Secret, which no pod names as a file.",
        lambda: planned(model()),
        lambda it: (
            cluster(it)["authOptions"] == {"mode": "token", "secretName": "demo-ray-token"}
            and variables(ray(pod(it)))["RAY_AUTH_MODE"] == "token"
            and "RAY_AUTH_TOKEN_PATH" not in variables(ray(pod(it)))
        ),
    ),
    Row(
        "HAProxy and direct ingress are on in every pod.",
        lambda: planned(model()),
        lambda it: all(
            variables(ray(spec))["RAY_SERVE_ENABLE_HA_PROXY"] == "1"
            and variables(ray(spec))["RAY_SERVE_THROUGHPUT_OPTIMIZED"] == "1"
            for spec in (pod(it), head(it))
        ),
    ),
    Row(
        "Everything that ends streams waits for the longest one.",
        lambda: planned(model(), surroundings=settings(longest_stream_s=900)),
        lambda it: (
            pod(it)["terminationGracePeriodSeconds"] > 900
            and variables(ray(pod(it)))["RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S"] == "900"
            and found(it, "RayService")["spec"]["rayClusterDeletionDelaySeconds"] > 900
            and replica(it)["graceful_shutdown_timeout_s"] == 900
            and variables(ray(head(it)))["RAY_SERVE_HAPROXY_HARD_STOP_AFTER_S"] == "900"
        ),
    ),
    Row(
        "Values from secrets reach the engine by its pod, the others by Serve's application.",
        lambda: planned(
            model(
                engine={
                    "env": [
                        {"name": "HF_TOKEN", "valueFrom": {"secretKeyRef": {"name": "hub", "key": "token"}}},
                        {"name": "VLLM_LOGGING_LEVEL", "value": "WARNING"},
                    ]
                }
            )
        ),
        lambda it: (
            variables(ray(pod(it)))["HF_TOKEN"] == {"secretKeyRef": {"name": "hub", "key": "token"}}
            and "HF_TOKEN" not in variables(ray(head(it)))
            and "VLLM_LOGGING_LEVEL" not in variables(ray(pod(it)))
            and served(it)["applications"][0]["runtime_env"]["env_vars"]["VLLM_LOGGING_LEVEL"] == "WARNING"
        ),
    ),
    Row(
        "Only workers find the hop secret, in a file with the model's name.",
        lambda: planned(model()),
        lambda it: (
            any(mount["mountPath"] == "/var/run/fairlead/hop" for mount in ray(pod(it))["volumeMounts"])
            and not any(mount["name"] == "hop" for mount in ray(head(it))["volumeMounts"])
            and served(it)["applications"][0]["runtime_env"]["env_vars"]["FAIRLEAD_HOP_SECRET_FILE"]
            == "/var/run/fairlead/hop/demo"
        ),
    ),
    Row(
        "Shared memory is a part of the pod's memory.",
        lambda: planned(model(resources={"memory": "8Gi"})),
        lambda it: (
            {"name": "shared-memory", "emptyDir": {"medium": "Memory", "sizeLimit": "2Gi"}} in pod(it)["volumes"]
        ),
    ),
    Row(
        "Ray's head keeps what it knows in a Redis of its own, where one is given.",
        lambda: planned(
            model(),
            surroundings=settings(
                gcs_fault_tolerance={
                    "redis_address": "redis://ray-redis:6379",
                    "password": {"name": "ray-redis", "key": "password"},
                }
            ),
        ),
        lambda it: (
            cluster(it)["gcsFaultToleranceOptions"]
            == {
                "backend": "redis",
                "redisAddress": "redis://ray-redis:6379",
                "redisPassword": {"valueFrom": {"secretKeyRef": {"name": "ray-redis", "key": "password"}}},
            }
        ),
    ),
    # -- labels ---------------------------------------------------------------------------------------------------
    Row(
        "The user's labels and the schedulers' go on to the RayService, and not to pods.",
        lambda: planned(
            model(
                labels={"team": "blue", "kueue.x-k8s.io/queue-name": "gpus", "ray.io/gang-scheduling-enabled": "true"},
                annotations={"volcano.sh/queue-name": "gpus"},
            )
        ),
        lambda it: (
            found(it, "RayService")["metadata"]["labels"].items()
            >= {"team": "blue", "kueue.x-k8s.io/queue-name": "gpus", "ray.io/gang-scheduling-enabled": "true"}.items()
            and found(it, "RayService")["metadata"]["annotations"]["volcano.sh/queue-name"] == "gpus"
            and group(it)["template"]["metadata"]["labels"] == {"fairlead.dev/model": "demo"}
        ),
    ),
    Row(
        "Labels by which tools track what is theirs stay behind, and so do KubeRay's own.",
        lambda: planned(
            model(
                labels={"argocd.argoproj.io/instance": "x", "app.kubernetes.io/instance": "x", "ray.io/cluster": "x"},
                annotations={
                    "argocd.argoproj.io/tracking-id": "x",
                    "kubectl.kubernetes.io/last-applied-configuration": "{}",
                },
            )
        ),
        lambda it: (
            "x" not in found(it, "RayService")["metadata"]["labels"].values()
            and all(name.startswith("fairlead.dev/") for name in found(it, "RayService")["metadata"]["annotations"])
        ),
    ),
    # -- names ----------------------------------------------------------------------------------------------------
    Row(
        "A name that an older model claims is refused, and says whose it is.",
        lambda: planned(
            model(), replace(OBSERVED, rivals=(Claim("2025-12-31T00:00:00Z", "team-b", "other", ("other", "demo")),))
        ),
        lambda it: (
            it.refusal is not None
            and it.refusal.reason == "NameTaken"
            and "team-b/other" in it.refusal.message
            and not it.apply
        ),
    ),
    Row(
        "A name that a younger model claims stays.",
        lambda: planned(
            model(), replace(OBSERVED, rivals=(Claim("2026-01-02T00:00:00Z", "team-b", "other", ("other", "demo")),))
        ),
        lambda it: it.refusal is None and "RayService" in kinds(it),
    ),
    Row(
        "A RayService that somebody else made is not taken over, nor deleted.",
        lambda: planned(model(), replace(OBSERVED, rayservice={"metadata": {"name": "demo"}})),
        lambda it: (
            it.refusal is not None and "RayService demo" in it.refusal.message and not it.apply and not it.delete
        ),
    ),
    # -- suspended and deleted ------------------------------------------------------------------------------------
    Row(
        "A suspended model keeps what runs nothing, and its RayService goes.",
        lambda: planned(SUSPENDED, RUNS),
        lambda it: kinds(it) == RESTING and it.delete == (RAY_SERVICE,) and it.finalizer,
    ),
    Row(
        "A model that is refused can be suspended still.",
        lambda: planned(model(suspend=True, resources={"accelerator": "nvidia-l5"}), RUNS),
        lambda it: it.delete == (RAY_SERVICE,) and it.refusal is not None,
    ),
    Row(
        "A suspended model that runs no longer is left alone.",
        lambda: planned(SUSPENDED),
        lambda it: kinds(it) == RESTING and not it.delete,
    ),
    Row(
        "Suspending lets the streams that are running end.",
        lambda: planned(SUSPENDED, replace(RUNS, gateways=(gateway("suspended", running=1),))),
        lambda it: not it.delete,
    ),
    Row(
        "A deleted model is kept while a gateway has streams of it.",
        lambda: planned(model(), replace(RUNS, gateways=(gateway("draining"), gateway("draining", 1))), **LEAVING),
        lambda it: it.finalizer and not it.delete and not it.apply,
    ),
    Row(
        "A deleted model is kept while a gateway has not heard of it.",
        lambda: planned(model(), replace(RUNS, gateways=(gateway("routed"),)), **LEAVING),
        lambda it: it.finalizer and not it.delete,
    ),
    Row(
        "A deleted model goes when its last stream has ended.",
        lambda: planned(model(), replace(RUNS, gateways=(gateway("draining"),)), **LEAVING),
        lambda it: not it.finalizer and it.delete == (RAY_SERVICE,),
    ),
    Row(
        "A deleted model goes after the longest time that a stream may take, whatever gateways say.",
        lambda: planned(
            model(),
            replace(
                RUNS,
                gateways=(gateway("routed", 3),),
                leaving_since=NOW - timedelta(seconds=SETTINGS.longest_stream_s + 1),
            ),
            **LEAVING,
        ),
        lambda it: not it.finalizer and it.delete == (RAY_SERVICE,),
    ),
    Row(
        "A deleted model goes with its RayService.",
        lambda: planned(model(), RUNS, **LEAVING),
        lambda it: not it.finalizer and it.delete == (RAY_SERVICE,),
    ),
    Row(
        "A deleted model that was refused goes at once, and nothing of anybody else's with it.",
        lambda: planned(model(), replace(OBSERVED, rayservice={"metadata": {"name": "demo"}}), **LEAVING),
        lambda it: not it.finalizer and not it.delete,
    ),
    Row(
        "A RayService that is leaving is not written to.",
        lambda: planned(model(), replace(OBSERVED, rayservice=LEAVING_RAY_SERVICE)),
        lambda it: kinds(it) == RESTING,
    ),
    Row(
        "Without KubeRay, everything but the RayService is there.",
        lambda: planned(model(), replace(OBSERVED, has_kuberay=False)),
        lambda it: kinds(it) == RESTING and it.refusal is None,
    ),
    # -- secrets and policies -------------------------------------------------------------------------------------
    Row(
        "The hop secret is the one that gateways derive, and another in each namespace.",
        lambda: planned(model()),
        lambda it: (
            found(it, "Secret", "demo-hop")["data"]
            != found(planned(model(), namespace="team-b"), "Secret", "demo-hop")["data"]
        ),
    ),
    Row(
        "A model that is made anew has another token for its Ray.",
        lambda: planned(model()),
        lambda it: (
            found(it, "Secret", "demo-ray-token")["data"]
            != found(planned(model(), uid="another"), "Secret", "demo-ray-token")["data"]
        ),
    ),
    Row(
        "One worker may be evicted at a time, and the head's node can be emptied.",
        lambda: planned(model()),
        lambda it: (
            found(it, "PodDisruptionBudget")["spec"]
            == {
                "maxUnavailable": 1,
                "selector": {"matchLabels": {"fairlead.dev/model": "demo", "ray.io/node-type": "worker"}},
                "unhealthyPodEvictionPolicy": "AlwaysAllow",
            }
        ),
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=[row.sentence for row in ROWS])
def test_plan(row: Row) -> None:
    """The sentence holds of the plan."""
    it = row.plan()
    assert row.holds(it), it


def open_ports(of: Plan, peer: str) -> set[int | tuple[int, int]]:
    """Return the ports that some policy opens to pods that a word of the peer's labels or namespace tells."""
    opened: set[int | tuple[int, int]] = set()
    for policy in (each for each in of.apply if each["kind"] == "NetworkPolicy"):
        for rule in policy["spec"]["ingress"]:
            if peer in str(rule["from"]):
                ports = rule.get("ports", [{"port": 1, "endPort": 65535}])
                opened |= {(port["port"], port["endPort"]) if "endPort" in port else port["port"] for port in ports}
    return opened


@pytest.mark.parametrize(
    "peer, expected",
    [
        ("gateway", {8000, (30000, 31000)}),
        ("kuberay-operator", {8265, 8000}),
        ("monitoring", {8080, 44217, 44227}),
        ("'app.kubernetes.io/component': 'operator'", {8080, 44217, 44227}),
        ("'fairlead.dev/model': 'demo'", {(1, 65535)}),
    ],
)
def test_who_reaches_what(peer: str, expected: set[int | tuple[int, int]]) -> None:
    """Gateways reach replicas, KubeRay the head, monitoring metrics, and nobody but its own pods the model's Ray."""
    assert open_ports(planned(model()), peer) == expected


def test_policies_choose_the_model_s_ray_alone() -> None:
    """The pods of the weights' job are under no policy of Ray's, and only the head is open to KubeRay."""
    both, alone = [
        each["spec"]["podSelector"]["matchLabels"] for each in planned(model()).apply if each["kind"] == "NetworkPolicy"
    ]

    assert both == {"fairlead.dev/model": "demo", "ray.io/is-ray-node": "yes"}
    assert alone == both | {"ray.io/node-type": "head"}
