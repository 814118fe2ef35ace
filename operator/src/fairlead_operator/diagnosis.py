"""What is in the way of a model, by what Kubernetes, KubeRay and Ray Serve say: a reason and what to change. Pure.

The checks stand in the order in which they hide each other: where pods may not be made, none is unschedulable, and an
engine that was killed for memory is not at fault for what Serve says afterwards.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from fairlead_contract.cause import root_cause
from fairlead_contract.modeldeployment import ModelDeployment
from fairlead_operator.observed import Json, Observed
from fairlead_operator.reasons import Trouble
from fairlead_operator.serving_status import applications

LONGEST = 900


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, in one line that says what to change."""

    reason: Trouble
    message: str


def diagnose(deployment: ModelDeployment, observed: Observed) -> Problem | None:
    """Return what keeps a model from serving as its manifest says, if anything is seen to."""
    for check in _CHECKS:
        if problem := check(deployment, observed):
            return Problem(problem.reason, _one_line(problem.message))
    return None


def _kuberay_missing(_: ModelDeployment, observed: Observed) -> Problem | None:
    if observed.has_kuberay:
        return None
    return Problem(
        Trouble.KUBERAY_MISSING,
        "the cluster does not know RayServices: install KubeRay 1.7 (helm install kuberay-operator"
        " kuberay/kuberay-operator); models start by themselves then",
    )


def _quota_exceeded(_: ModelDeployment, observed: Observed) -> Problem | None:
    for said in (*_failures_to_create(observed), *_warnings(observed, "FailedCreate", "FailedToCreate")):
        if "exceeded quota" in said:
            return Problem(
                Trouble.QUOTA_EXCEEDED,
                f"the namespace's quota has no room for the pods ({_after('exceeded quota', said)}): raise the"
                " ResourceQuota, or lower spec.resources or spec.scaling.maxReplicas",
            )
    return None


def _failures_to_create(observed: Observed) -> Iterator[str]:
    """Yield why KubeRay could not make pods."""
    status = (observed.rayservice or {}).get("status", {})
    for side in ("activeServiceStatus", "pendingServiceStatus"):
        for condition in status.get(side, {}).get("rayClusterStatus", {}).get("conditions", ()):
            if condition["type"] == "ReplicaFailure" and condition["status"] == "True":
                yield condition.get("message", "")


def _unschedulable(deployment: ModelDeployment, observed: Observed) -> Problem | None:
    for pod in observed.pods:
        for condition in pod.get("status", {}).get("conditions", ()):
            if condition["type"] == "PodScheduled" and condition.get("reason") == "Unschedulable":
                said = condition.get("message", "no node fits")
                remedy = _scheduling_remedy(said, deployment)
                return Problem(Trouble.UNSCHEDULABLE, f"no node takes pod {_name(pod)} ({said.rstrip('.')}): {remedy}")
    return None


_SCHEDULING = (
    (
        r"Insufficient [\w.-]+/",
        "add nodes with free {accelerator}, lower spec.parallelism.tensor, or choose another accelerator",
    ),
    (r"Insufficient memory", "add nodes with more memory, or lower spec.resources.memory"),
    (r"Insufficient cpu", "add nodes with more cores, or lower spec.resources.cpu"),
    (r"PersistentVolumeClaim", "see the volume claim's events; it needs a storage class that can provide it"),
    (
        r"node affinity|node selector",
        "no node has the labels of {accelerator}: correct spec.resources.accelerator or spec.placement",
    ),
    (r"untolerated taint", "add the taint to spec.placement.tolerations, or add nodes without it"),
)
"""What the scheduler says, and what to do about it; the first that fits."""


def _scheduling_remedy(said: str, deployment: ModelDeployment) -> str:
    accelerator = deployment.spec.resources.accelerator or "what is asked for"
    for sign, remedy in _SCHEDULING:
        if re.search(sign, said):
            return remedy.format(accelerator=accelerator)
    return "add nodes, or ask for less in spec.resources"


def _volume_not_bound(_: ModelDeployment, observed: Observed) -> Problem | None:
    claim = observed.volume_claim
    if claim is None or claim.get("status", {}).get("phase") == "Bound":
        return None
    for said in _warnings(observed, "ProvisioningFailed", "FailedBinding"):
        return Problem(
            Trouble.VOLUME_NOT_BOUND,
            f"the volume for the weights cannot be had ({said}): name a storage class that the cluster has, and an"
            " access mode that it offers, in the operator's settings of the weights cache",
        )
    return None


def _image_pull_failed(_: ModelDeployment, observed: Observed) -> Problem | None:
    for pod, container in _containers(observed):
        waiting = container.get("state", {}).get("waiting", {})
        if waiting.get("reason") in ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"):
            return Problem(
                Trouble.IMAGE_PULL_FAILED,
                f"the image {container['image']} of pod {_name(pod)} cannot be pulled"
                f" ({waiting.get('message', waiting['reason'])}): correct spec.engine.image or the operator's serving"
                " image, or give the pull secret of a private registry",
            )
    return None


def _config_missing(_: ModelDeployment, observed: Observed) -> Problem | None:
    for pod, container in _containers(observed):
        waiting = container.get("state", {}).get("waiting", {})
        if waiting.get("reason") == "CreateContainerConfigError":
            return Problem(
                Trouble.CONFIG_MISSING,
                f"pod {_name(pod)} lacks something it is configured with ({waiting.get('message', '')}): create it in"
                " the model's namespace, or correct secretKeyRef in spec.engine.env",
            )
    return None


def _mount_failed(_: ModelDeployment, observed: Observed) -> Problem | None:
    for said in _warnings(observed, "FailedMount", "FailedAttachVolume"):
        return Problem(
            Trouble.MOUNT_FAILED,
            f"a volume cannot be mounted ({said}): create what it names in the model's namespace, or correct"
            " spec.model.source",
        )
    return None


def _oom_killed(_: ModelDeployment, observed: Observed) -> Problem | None:
    for pod, container in _containers(observed):
        for ended in _endings(container):
            if ended.get("reason") == "OOMKilled":
                return Problem(
                    Trouble.OOM_KILLED,
                    f"container {container['name']} of pod {_name(pod)} was killed, for it used more memory than its"
                    " limit: raise spec.resources.memory",
                )
    return None


def _serving_failed(_: ModelDeployment, observed: Observed) -> Problem | None:
    """Judge what Serve says of the application, in the cluster that is being built first."""
    for application in applications(observed.rayservice):
        if application.status in ("DEPLOY_FAILED", "UNHEALTHY"):
            message = application.failure
            return _engine_problem(message, root_cause(message))
    return None


def _weights_failed(_: ModelDeployment, observed: Observed) -> Problem | None:
    conditions = (observed.job or {}).get("status", {}).get("conditions", ())
    failed = next((each for each in conditions if each["type"] == "Failed" and each["status"] == "True"), None)
    if failed is None:
        return None
    said = next(_last_words(observed), "") or failed.get("message", "the job that fetches the weights failed")
    found = _engine_problem(said, root_cause(said))
    return Problem(Trouble.DOWNLOAD_FAILED, found.message) if found.reason is Trouble.ENGINE_START_FAILED else found


def _last_words(observed: Observed) -> Iterator[str]:
    for _, container in _containers(observed):
        for ended in _endings(container):
            if ended.get("exitCode") and ended.get("message"):
                yield ended["message"]


def _crash_loop(_: ModelDeployment, observed: Observed) -> Problem | None:
    for pod, container in _containers(observed):
        if container.get("state", {}).get("waiting", {}).get("reason") == "CrashLoopBackOff":
            ended = container.get("lastState", {}).get("terminated", {})
            said = ended.get("message") or f"exit code {ended.get('exitCode', 'unknown')}"
            return Problem(
                Trouble.CRASH_LOOP,
                f"container {container['name']} of pod {_name(pod)} ends again and again ({said}): see kubectl logs"
                f" --previous {_name(pod)} -c {container['name']}",
            )
    return None


_SIGNS: tuple[tuple[Trouble, tuple[str, ...]], ...] = (
    (Trouble.MODEL_GATED, (r"\bgated\b", "it is private: check the name, or give HF_TOKEN")),
    (
        Trouble.OUT_OF_MEMORY_AT_LOAD,
        (
            "KV cache has no room",
            "no memory is left for the KV cache",
            "memory ran out while",
            "of the accelerator's .* GiB are free",
            "KV cache is to take",
        ),
    ),
    (
        Trouble.BAD_ENGINE_ARGUMENT,
        (
            "vLLM refuses this configuration",
            r"spec\.engine\.arguments\.\S+ (?:is|must)",
            "does not divide",
            "cannot be divided",
        ),
    ),
    (
        Trouble.WEIGHTS_MISSING,
        (
            "is no folder",
            r"holds no (?:\*\.safetensors|config\.json)",
            "no safetensors weights",
            r"no such (?:\w+)",
            "does not exist",
            "weights (?:are damaged|do not)",
        ),
    ),
    (Trouble.DOWNLOAD_FAILED, ("DownloadFailed", "the download", "the hub")),
)
"""Words of a failed start, and of what they are a sign; the first that fits."""


def _engine_problem(whole: str, cause: str) -> Problem:
    """Return what a failed start says of itself, under the reason that its words are a sign of."""
    for text in (cause, whole):
        for reason, signs in _SIGNS:
            if any(re.search(sign, text) for sign in signs):
                return Problem(reason, cause)
    return Problem(Trouble.ENGINE_START_FAILED, cause or "Ray Serve gives no cause: see the worker's log")


def _containers(observed: Observed) -> Iterator[tuple[Json, Json]]:
    for pod in observed.pods:
        status = pod.get("status", {})
        for container in (*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())):
            yield pod, container


def _endings(container: Json) -> Iterator[Json]:
    """Yield how a container that does not run well ended last, latest first."""
    if container.get("ready"):
        return
    for state in ("state", "lastState"):
        if ended := container.get(state, {}).get("terminated"):
            yield ended


def _warnings(observed: Observed, *reasons: str) -> Iterable[str]:
    return [event.get("message", "") for event in observed.warnings if str(event.get("reason", "")).startswith(reasons)]


def _name(pod: Json) -> str:
    name: str = pod["metadata"]["name"]
    return name


def _after(sign: str, said: str) -> str:
    return said[said.index(sign) :].rstrip(".")


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"


_Check = Callable[[ModelDeployment, Observed], Problem | None]

_CHECKS: tuple[_Check, ...] = (
    _kuberay_missing,
    _quota_exceeded,
    _volume_not_bound,
    _unschedulable,
    _image_pull_failed,
    _config_missing,
    _mount_failed,
    _weights_failed,
    _oom_killed,
    _serving_failed,
    _crash_loop,
)
