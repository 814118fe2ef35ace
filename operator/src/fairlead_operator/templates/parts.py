"""What all versions of the pod templates share. Pure.

What these functions return stands in pods of running models: golden files hold it as it is.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from fairlead_contract.modeldeployment import ModelDeployment
from fairlead_contract.names import (
    AUTOSCALER_METRICS_PORT,
    DASHBOARD_METRICS_PORT,
    DASHBOARD_PORT,
    HOP_FOLDER,
    MODEL_LABEL,
    RAY_METRICS_PORT,
    SERVE_PORT,
    hop_secret_name,
    ray_token_name,
)
from fairlead_contract.quantity import cpu_quantity, memory_bytes, memory_quantity
from fairlead_contract.ray_environment import ray_environment
from fairlead_contract.sizing import Host, host_of, hosts_per_replica
from fairlead_contract.tracing import engine_tracing
from fairlead_contract.yaml_documents import Json
from fairlead_operator.placement import worker_placement
from fairlead_operator.settings import GcsFaultTolerance, Settings
from fairlead_operator.surroundings import Surroundings
from fairlead_operator.weights import weights_environment, weights_mounts, weights_volumes

GCS_PORT: Final = 6379
RAY_USER: Final = 1000
OBJECT_STORE_BYTES: Final = 200_000_000
"""Weights and tokens never pass through Ray's object store; this is the store's own floor with room to spare."""

WORKER_GROUP: Final = "replicas"
MOST_WORKERS: Final = 2000
"""Twice the most replicas of a model, since in an update each may have its successor beside it."""

IDLE_WORKER_S: Final = 60
"""After which a worker without a replica goes, and its GPUs with it."""

GRACE_BEYOND_STREAMS_S: Final = 60
DEREGISTRATION_S: Final = 5
"""Until Services have heard that a pod leaves; Ray hears of it then."""

_HAPROXY_FOLDER: Final = "/tmp/haproxy"  # noqa: S108 - a volume of the pod's own, in which one user runs
_SHARED_MEMORY_SHARE: Final = 4
_MIB: Final = 2**20

_RESTRICTED: Final[Json] = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "runAsUser": RAY_USER,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def ray_cluster(deployment: ModelDeployment, settings: Settings, *, head: Json, workers: Json) -> Json:
    """Return the cluster around the pods' templates.

    Serve decides how many replicas there are and asks Ray for their room; the autoscaler brings workers for it, and
    takes them away. So the bounds of the group bound nothing: KubeRay would not hear of a change of them either. How
    many replicas there are at least says only how many workers start at once with the head.
    """
    cluster: Json = {
        "rayVersion": settings.ray_version,
        "authOptions": {"mode": "token", "secretName": ray_token_name(deployment.name)},
        "enableInTreeAutoscaling": True,
        "autoscalerOptions": {
            "version": "v2",
            "idleTimeoutSeconds": IDLE_WORKER_S,
            "imagePullPolicy": settings.image_pull_policy,
            "resources": {
                "requests": {"cpu": "100m", "memory": "512Mi"},
                "limits": {"cpu": "500m", "memory": "512Mi"},
            },
            "securityContext": _RESTRICTED,
        },
        "headGroupSpec": {"rayStartParams": _head_parameters(), "template": head},
        "workerGroupSpecs": [
            {
                "groupName": WORKER_GROUP,
                "replicas": deployment.spec.scaling.min_replicas,
                "minReplicas": 0,
                "maxReplicas": MOST_WORKERS,
                "numOfHosts": hosts_per_replica(deployment),
                "rayStartParams": _worker_parameters(host_of(deployment)),
                "template": workers,
            }
        ],
    }
    if settings.gcs_fault_tolerance:
        cluster["gcsFaultToleranceOptions"] = _gcs_fault_tolerance(settings.gcs_fault_tolerance)
    return cluster


def head_template(deployment: ModelDeployment, settings: Settings, **container: Json) -> Json:
    """Return the head's pod. It has no room for replicas; it needs its service account for the autoscaler beside it."""
    size = settings.head
    resources = {
        "requests": {"cpu": size.cpu, "memory": size.memory},
        "limits": {"cpu": size.cpu_limit, "memory": size.memory},
    }
    ports = {
        "gcs-server": GCS_PORT,
        "dashboard": DASHBOARD_PORT,
        "serve": SERVE_PORT,
        "metrics": RAY_METRICS_PORT,
        "as-metrics": AUTOSCALER_METRICS_PORT,
        "dash-metrics": DASHBOARD_METRICS_PORT,
    }
    ray = {
        "name": "ray-head",
        **_container(deployment, settings),
        "env": _environment(settings),
        "ports": _ports(ports),
        "resources": resources,
        "volumeMounts": _own_mounts(),
        **container,
    }
    pod = {**_pod(settings), "containers": [ray], "volumes": _own_volumes(memory_bytes(size.memory))}
    return _template(deployment, pod)


def worker_template(
    deployment: ModelDeployment,
    surroundings: Surroundings,
    *,
    environment: Mapping[str, str] = MappingProxyType({}),
    **container: Json,
) -> Json:
    """Return a worker's pod, which has room for one replica, or for one stage of it. It speaks to Ray alone."""
    settings, host = surroundings.settings, host_of(deployment)
    hop = {"name": "hop", "mountPath": HOP_FOLDER, "readOnly": True}
    known = {**weights_environment(deployment), **environment}
    ray = {
        "name": "ray-worker",
        **_container(deployment, settings),
        "env": [*_environment(settings, known), *_secret_environment(deployment)],
        "ports": _ports({"serve": SERVE_PORT, "metrics": RAY_METRICS_PORT}),
        "resources": _worker_resources(deployment, host, surroundings),
        "volumeMounts": [*_own_mounts(), hop, *weights_mounts(deployment, settings)],
        "lifecycle": {"preStop": {"sleep": {"seconds": DEREGISTRATION_S}}},
        **container,
    }
    secret = {"name": "hop", "secret": {"secretName": hop_secret_name(deployment.name), "defaultMode": 0o440}}
    pod = {
        **_pod(settings),
        **worker_placement(deployment, surroundings.accelerators),
        "automountServiceAccountToken": False,
        "containers": [ray],
        "volumes": [*_own_volumes(host.memory), secret, *weights_volumes(deployment, settings)],
    }
    return _template(deployment, pod)


def _template(deployment: ModelDeployment, pod: Json) -> Json:
    """KubeRay finds its pods by app.kubernetes.io/name, which is why they do not say ours."""
    return {"metadata": {"labels": {MODEL_LABEL: deployment.name}}, "spec": pod}


def _pod(settings: Settings) -> Json:
    pod: Json = {
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": settings.longest_stream_s + GRACE_BEYOND_STREAMS_S,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": RAY_USER,
            "runAsGroup": RAY_USER,
            "fsGroup": RAY_USER,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }
    secrets = [{"name": name} for name in settings.image_pull_secrets]
    return pod | ({"imagePullSecrets": secrets} if secrets else {})


def _container(deployment: ModelDeployment, settings: Settings) -> Json:
    return {
        "image": deployment.spec.engine.image or settings.serving_image,
        "imagePullPolicy": settings.image_pull_policy,
        "securityContext": _RESTRICTED,
    }


def _environment(settings: Settings, further: Mapping[str, str] = MappingProxyType({})) -> list[Json]:
    """Return what every process of Ray starts with; KubeRay adds the token itself."""
    ray = ray_environment(
        longest_stream_s=settings.longest_stream_s,
        token_file=None,
        haproxy_folder=_HAPROXY_FOLDER,
        ports=settings.ray_ports,
        log_to_stderr=True,
        tracing=engine_tracing(settings.tracing),
    )
    return [{"name": name, "value": value} for name, value in {**ray, **further}.items()]


def _secret_environment(deployment: ModelDeployment) -> list[Json]:
    """Return the engine's variables whose values lie in secrets; the others travel with Serve's application."""
    return [
        variable.model_dump(mode="json", by_alias=True, exclude_none=True)
        for variable in deployment.spec.engine.env
        if variable.value_from
    ]


def _worker_resources(deployment: ModelDeployment, host: Host, surroundings: Surroundings) -> Json:
    resources = {"cpu": cpu_quantity(host.cpu), "memory": memory_quantity(host.memory)}
    if kind := deployment.spec.resources.accelerator:
        resources[surroundings.accelerators[kind].resource] = str(host.gpus)
    return {"requests": resources, "limits": dict(resources)}


def _head_parameters() -> dict[str, str]:
    return {"num-cpus": "0", "num-gpus": "0", "object-store-memory": str(OBJECT_STORE_BYTES)}


def _worker_parameters(host: Host) -> dict[str, str]:
    return {
        "num-cpus": str(host.logical_cpus),
        "num-gpus": str(host.gpus),
        "object-store-memory": str(OBJECT_STORE_BYTES),
    }


def _own_volumes(memory: int) -> list[Json]:
    """Return the pod's own volumes. What lies in shared memory counts as the container's memory."""
    shared = memory // _SHARED_MEMORY_SHARE // _MIB * _MIB
    return [
        {"name": "shared-memory", "emptyDir": {"medium": "Memory", "sizeLimit": memory_quantity(shared)}},
        {"name": "tmp", "emptyDir": {}},
    ]


def _own_mounts() -> list[Json]:
    tmp = "/tmp"  # noqa: S108 - a volume of the pod's own
    return [{"name": "shared-memory", "mountPath": "/dev/shm"}, {"name": "tmp", "mountPath": tmp}]  # noqa: S108


def _ports(ports: dict[str, int]) -> list[Json]:
    return [{"name": name, "containerPort": number, "protocol": "TCP"} for name, number in ports.items()]


def _gcs_fault_tolerance(chosen: GcsFaultTolerance) -> Json:
    options: Json = {"backend": "redis", "redisAddress": chosen.redis_address}
    if chosen.password:
        reference = {"name": chosen.password.name, "key": chosen.password.key}
        options["redisPassword"] = {"valueFrom": {"secretKeyRef": reference}}
    return options
