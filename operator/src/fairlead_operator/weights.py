"""How the pods of a model come to its weights. Pure.

What lies in a claim or an image is mounted. What is downloaded goes into a cache, of a kind that the settings choose:

- `pod`: with the pod. Works everywhere, also where only restricted pods are admitted; each pod downloads for itself.
- `pvc`: in a volume claim of the model that a Job fills once, before the first accelerator is held.
- `node`: in a folder of the node that the first replica there fills. hostPath is more than restricted pods may have, so
  an administrator prepares the folder and admits it.

Volumes and mounts stand in pod templates: a change of what these functions return replaces every Ray cluster.
"""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from fairlead_contract.modeldeployment import EnvVar, ModelDeployment
from fairlead_contract.names import API_GROUP, MODEL_LABEL, RAY_METRICS_PORT, weights_name
from fairlead_contract.quantity import memory_bytes
from fairlead_contract.sizing import gpus_per_replica
from fairlead_contract.weights import (
    CACHE_FOLDER,
    CLAIM_FOLDER,
    FETCH_MODULE,
    IMAGE_FOLDER,
    REFUSED_EXIT_CODE,
    cache_key,
    claim_name,
    concerns_fetching,
    image_reference,
)
from fairlead_contract.yaml_documents import Json
from fairlead_operator.settings import Settings

WEIGHTS_LABELS = {"app.kubernetes.io/name": "fairlead", "app.kubernetes.io/component": "weights"}

KEY_ANNOTATION = f"{API_GROUP}/weights"
"""On a weights Job: the folder of the cache that it fills."""

JOB_ANNOTATION = f"{API_GROUP}/weights-job"
"""On a weights Job: a digest of what it was made of."""

VOLUME = "weights"
FETCH_CONTAINER = "fetch"
_RETRIES = 10
_MEMORY_IN_NAME = re.compile(r"-(?P<gigabytes>\d+)gb\b")
_PRESENT_AND_NEXT = 2


@dataclass(frozen=True, slots=True)
class WeightsPlan:
    """What is to be brought about before pods may start."""

    apply: tuple[Json, ...] = ()
    """The claim and the Job, without namespace and owner."""

    delete_job: bool = False
    """Whether the Job that was seen fetches something else and must go first."""

    cached: bool = True
    """Whether pods that start now find the weights, or fetch them themselves."""


def plan_weights(
    deployment: ModelDeployment, *, settings: Settings, job: Json | None, claim: Json | None
) -> WeightsPlan:
    """Plan the claim and the Job of one model.

    Args:
        deployment: The model.
        settings: The operator's.
        job: The Job `weights_name` that was seen.
        claim: The claim of the same name that was seen.
    """
    if not _has_volume(deployment, settings):
        return WeightsPlan(delete_job=job is not None and not _is_leaving(job))
    wanted_claim = weights_claim(deployment, settings, claim)
    wanted = weights_job(deployment, settings)
    if job is None:
        return WeightsPlan(apply=(wanted_claim, wanted), cached=False)
    if _is_leaving(job):
        return WeightsPlan(apply=(wanted_claim,), cached=False)
    if _has_fetched(job, deployment) and claim is not None:
        return WeightsPlan(apply=(wanted_claim,))
    # A Job's pods cannot be changed, so another takes its place; it goes on where the first was.
    is_same = _annotation(job, JOB_ANNOTATION) == _annotation(wanted, JOB_ANNOTATION)
    return WeightsPlan(apply=(wanted_claim,), delete_job=claim is None or not is_same, cached=False)


def weights_refusal(deployment: ModelDeployment, settings: Settings) -> str | None:
    """Return why the pods of a model could not all read its weights, and what to do; None where they can."""
    spans_nodes = deployment.spec.parallelism.pipeline > 1 and gpus_per_replica(deployment) > 0
    if not spans_nodes or not deployment.source.is_fetched or settings.weights.kind == "pvc":
        return None
    return (
        f"pipeline {deployment.spec.parallelism.pipeline} spans nodes, and weights that are downloaded reach one of "
        "them only: set the operator's weights.kind to pvc, or let spec.model.source be pvc:// or oci://"
    )


def weights_volumes(deployment: ModelDeployment, settings: Settings) -> list[Json]:
    """Return the volumes of a pod that loads the model; none where the weights lie in the engine's image."""
    source = deployment.source
    match source.scheme:
        case "file":
            return []
        case "pvc":
            return [_volume("persistentVolumeClaim", {"claimName": claim_name(source), "readOnly": True})]
        case "oci":
            return [_volume("image", {"reference": image_reference(source), "pullPolicy": "IfNotPresent"})]
        case "hf" | "s3":
            return [_cache_volume(deployment, settings)]


def weights_mounts(deployment: ModelDeployment, settings: Settings) -> list[Json]:
    """Return the mounts of `weights_volumes` in the engine's container."""
    match deployment.source.scheme:
        case "file":
            return []
        case "pvc":
            return [{"name": VOLUME, "mountPath": CLAIM_FOLDER, "readOnly": True}]
        case "oci":
            return [{"name": VOLUME, "mountPath": IMAGE_FOLDER, "readOnly": True}]
        case "hf" | "s3":
            read_only: Json = {"readOnly": True} if settings.weights.kind == "pvc" else {}
            return [{"name": VOLUME, "mountPath": CACHE_FOLDER, **read_only}]


def weights_environment(deployment: ModelDeployment) -> dict[str, str]:
    """Return the environment by which the engine's container finds its cache."""
    return {"FAIRLEAD_MODEL_CACHE": CACHE_FOLDER} if deployment.source.is_fetched else {}


def weights_claim(deployment: ModelDeployment, settings: Settings, seen: Json | None) -> Json:
    """Return the claim for a model's weights.

    A claim that exists keeps what cannot be changed, and never shrinks; it grows when the manifest asks for more.
    """
    kept = (seen or {}).get("spec", {})
    spec: Json = {
        "accessModes": kept.get("accessModes", [settings.weights.access_mode]),
        "resources": {"requests": {"storage": _claim_size(deployment, settings, kept)}},
    }
    if storage_class := kept.get("storageClassName", settings.weights.storage_class):
        spec["storageClassName"] = storage_class
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": _metadata(deployment), "spec": spec}


def weights_job(deployment: ModelDeployment, settings: Settings) -> Json:
    """Return the Job that fills the claim, once for each source."""
    spec: Json = {
        "backoffLimit": _RETRIES,
        "podFailurePolicy": {"rules": _failure_rules()},
        "template": {"metadata": {"labels": _labels(deployment)}, "spec": _pod(deployment, settings)},
    }
    annotations = {
        KEY_ANNOTATION: cache_key(deployment.source),
        JOB_ANNOTATION: hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()[:16],
    }
    metadata = _metadata(deployment) | {"annotations": annotations}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec}


def _has_volume(deployment: ModelDeployment, settings: Settings) -> bool:
    return deployment.source.is_fetched and settings.weights.kind == "pvc"


def _volume(kind: str, source: Json) -> Json:
    return {"name": VOLUME, kind: source}


def _cache_volume(deployment: ModelDeployment, settings: Settings) -> Json:
    match settings.weights.kind:
        case "pvc":
            return _volume("persistentVolumeClaim", {"claimName": weights_name(deployment.name), "readOnly": True})
        case "node":
            # Not created where it is missing: the kubelet would make it root's, and no replica could write there.
            return _volume("hostPath", {"path": settings.weights.host_path, "type": "Directory"})
        case "pod":
            size = deployment.spec.cache.weights.size
            return _volume("emptyDir", {"sizeLimit": size} if size else {})


def _claim_size(deployment: ModelDeployment, settings: Settings, kept: Json) -> str:
    given = deployment.spec.cache.weights.size
    has: str | None = kept.get("resources", {}).get("requests", {}).get("storage")
    if has is None:
        return given or _computed_size(deployment) or settings.weights.size
    return given if given and memory_bytes(given) > memory_bytes(has) else has


def _computed_size(deployment: ModelDeployment) -> str | None:
    """Weights fit into the memory that they are loaded into; twice, since the next ones come beside those in use."""
    resources = deployment.spec.resources
    if resources.accelerator is None:
        loaded = memory_bytes(resources.memory) if resources.memory else None
    else:
        match = _MEMORY_IN_NAME.search(resources.accelerator)
        loaded = int(match["gigabytes"]) * 2**30 * gpus_per_replica(deployment) if match else None
    return f"{-(-_PRESENT_AND_NEXT * loaded // 2**30)}Gi" if loaded else None


def _metadata(deployment: ModelDeployment) -> Json:
    return {"name": weights_name(deployment.name), "labels": _labels(deployment)}


def _labels(deployment: ModelDeployment) -> Json:
    return {MODEL_LABEL: deployment.name, **WEIGHTS_LABELS}


def _failure_rules() -> list[Json]:
    """A pod that was evicted is not a failed attempt, and what the source refuses is not tried again."""
    return [
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
        {
            "action": "FailJob",
            "onExitCodes": {"containerName": FETCH_CONTAINER, "operator": "In", "values": [REFUSED_EXIT_CODE]},
        },
    ]


def _pod(deployment: ModelDeployment, settings: Settings) -> Json:
    pod: Json = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "fsGroup": settings.weights.fs_group,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(deployment, settings)],
        "volumes": [
            _volume("persistentVolumeClaim", {"claimName": weights_name(deployment.name)}),
            {"name": "tmp", "emptyDir": {}},
        ],
    }
    if settings.weights.service_account:
        pod["serviceAccountName"] = settings.weights.service_account
    if settings.image_pull_secrets:
        pod["imagePullSecrets"] = [{"name": name} for name in settings.image_pull_secrets]
    return pod | _placement(deployment, settings)


def _placement(deployment: ModelDeployment, settings: Settings) -> Json:
    """A volume that one node alone can have is bound where the replicas will run; else any node may fetch."""
    if settings.weights.access_mode == "ReadWriteMany":
        return {}
    placement = deployment.spec.placement
    tolerations = [one.model_dump(mode="json", by_alias=True, exclude_none=True) for one in placement.tolerations]
    wanted: Json = {"nodeSelector": dict(placement.node_selector), "tolerations": tolerations}
    return {name: value for name, value in wanted.items() if value}


def _container(deployment: ModelDeployment, settings: Settings) -> Json:
    return {
        "name": FETCH_CONTAINER,
        "image": deployment.spec.engine.image or settings.serving_image,
        "imagePullPolicy": settings.image_pull_policy,
        "command": ["python", "-m", FETCH_MODULE],
        "args": [
            f"--model={deployment.name}",
            f"--source={deployment.spec.model.source}",
            f"--cache={CACHE_FOLDER}",
            f"--metrics-port={RAY_METRICS_PORT}",
            "--error-file=/dev/termination-log",
            "--prune",
        ],
        "env": [
            # What the hub client keeps beside the weights; the root of the file system is read-only.
            {"name": "HF_HOME", "value": "/tmp/huggingface"},  # noqa: S108 - a volume of the pod's own
            *(_variable(one) for one in _credentials(deployment)),
        ],
        "ports": [{"name": "metrics", "containerPort": RAY_METRICS_PORT}],
        "resources": {"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"memory": "4Gi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "volumeMounts": [
            {"name": VOLUME, "mountPath": CACHE_FOLDER},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - a volume of the pod's own
        ],
    }


def _credentials(deployment: ModelDeployment) -> Sequence[EnvVar]:
    chosen = [one for one in deployment.spec.engine.env if concerns_fetching(deployment.source, one.name)]
    return [one for one in chosen if one.name != "HF_HOME"]


def _variable(variable: EnvVar) -> Json:
    return variable.model_dump(mode="json", by_alias=True, exclude_none=True)


def _is_leaving(job: Json) -> bool:
    return "deletionTimestamp" in job["metadata"]


def _has_fetched(job: Json, deployment: ModelDeployment) -> bool:
    conditions = job.get("status", {}).get("conditions", [])
    is_complete = any(one["type"] == "Complete" and one["status"] == "True" for one in conditions)
    return is_complete and _annotation(job, KEY_ANNOTATION) == cache_key(deployment.source)


def _annotation(found: Json, name: str) -> str | None:
    annotations: dict[str, str] = found["metadata"].get("annotations", {})
    return annotations.get(name)
