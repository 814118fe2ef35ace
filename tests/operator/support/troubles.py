"""Everything that can be in the way of a model, as Kubernetes, KubeRay and Ray Serve report it."""

from dataclasses import dataclass, field
from typing import Any

from fairlead_operator.reasons import Trouble

Json = dict[str, Any]

TRACEBACK = """\
The deployment failed to start 3 times in a row. This may be due to a problem with its constructor or initial health \
check failing. See controller logs for details. Error:
ray::ServeReplica:demo:replica.initialize_and_get_metadata() (pid=12, ip=10.0.0.2, actor_id=ab, repr=<Replica>)
  File "/usr/lib/python3.11/site-packages/ray/serve/_private/replica.py", line 1, in initialize_and_get_metadata
    raise RuntimeError(traceback.format_exc()) from None
RuntimeError: Traceback (most recent call last):
  File "/usr/lib/python3.11/site-packages/fairlead_serving/replica.py", line 1, in _start
    raise EngineStartFailed(explain(error, output)) from error
fairlead_contract.errors.{kind}: {said}
"""


@dataclass(frozen=True, slots=True)
class Provoked:
    """One trouble, and how it shows."""

    reason: Trouble
    advice: str
    """A part of what must be said to change."""

    pod: Json | None = None
    """Status of a pod."""

    serve: str = ""
    """What Serve says of the deployment, which then has failed."""

    ray_cluster: str = ""
    """Why KubeRay could not make pods."""

    claim: Json | None = None
    """Status of the weights' volume claim."""

    job: Json | None = None
    """Status of the job that fetches weights."""

    warning: tuple[str, str] | None = None
    """Reason and message of an event about the pod or the claim."""

    spec: Json = field(default_factory=dict)


def unplaced(message: str) -> Json:
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
    return {"phase": "Pending", "conditions": [condition]}


def container(*, waiting: Json | None = None, ended: Json | None = None) -> Json:
    """Return the status of a pod whose container waits, and how it ended before."""
    status: Json = {
        "name": "ray-worker",
        "image": "registry.example/serving:9",
        "imageID": "",
        "ready": False,
        "restartCount": 4 if ended else 0,
        "state": {"waiting": waiting} if waiting else {},
        "lastState": {"terminated": ended} if ended else {},
    }
    return {"phase": "Running" if ended else "Pending", "containerStatuses": [status]}


def failed(kind: str, said: str) -> str:
    return TRACEBACK.format(kind=kind, said=said)


FAILED_JOB: Json = {
    "startTime": "2026-01-01T00:00:00Z",
    "failed": 1,
    "conditions": [
        {"type": "FailureTarget", "status": "True", "reason": "BackoffLimitExceeded"},
        {"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "Job has reached the limit"},
    ],
}

TROUBLES: dict[str, Provoked] = {
    "no node has free GPUs": Provoked(
        Trouble.UNSCHEDULABLE,
        "add nodes with free nvidia-l4",
        pod=unplaced("0/3 nodes are available: 3 Insufficient nvidia.com/gpu."),
        spec={"resources": {"accelerator": "nvidia-l4"}},
    ),
    "no node has the accelerator's label": Provoked(
        Trouble.UNSCHEDULABLE,
        "correct spec.resources.accelerator or spec.placement",
        pod=unplaced("0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector."),
    ),
    "nodes are tainted": Provoked(
        Trouble.UNSCHEDULABLE,
        "add the taint to spec.placement.tolerations",
        pod=unplaced("0/3 nodes are available: 3 node(s) had untolerated taint {dedicated: gpu}."),
    ),
    "the image is not there": Provoked(
        Trouble.IMAGE_PULL_FAILED,
        "correct spec.engine.image",
        pod=container(waiting={"reason": "ImagePullBackOff", "message": "manifest unknown"}),
    ),
    "a secret is not there": Provoked(
        Trouble.CONFIG_MISSING,
        'secret "hf" not found): create it',
        pod=container(waiting={"reason": "CreateContainerConfigError", "message": 'secret "hf" not found'}),
    ),
    "the context is too long for the memory": Provoked(
        Trouble.OUT_OF_MEMORY_AT_LOAD,
        "set spec.engine.arguments.max-model-len to 17408 or less",
        serve=failed(
            "EngineStartFailed",
            "the KV cache has no room for one request of 131072 tokens: set spec.engine.arguments.max-model-len to "
            "17408 or less, or give the model more memory",
        ),
    ),
    "the weights do not fit the accelerator": Provoked(
        Trouble.OUT_OF_MEMORY_AT_LOAD,
        "use a larger accelerator",
        serve=failed(
            "EngineStartFailed",
            "memory ran out while the model was loaded: use a larger accelerator, more spec.parallelism.tensor, or a "
            "smaller or quantised model",
        ),
    ),
    "vLLM refuses an argument's value": Provoked(
        Trouble.BAD_ENGINE_ARGUMENT,
        "max_num_batched_tokens (8) must be greater",
        serve=failed(
            "EngineStartFailed",
            "vLLM refuses this configuration: max_num_batched_tokens (8) must be greater than max_num_seqs (16)",
        ),
    ),
    "the tensor parallelism does not divide the heads": Provoked(
        Trouble.BAD_ENGINE_ARGUMENT,
        "set a divisor",
        serve=failed(
            "EngineStartFailed",
            "spec.parallelism.tensor is 3, which does not divide the model's 32 attention heads: set a divisor",
        ),
    ),
    "the repository does not exist": Provoked(
        Trouble.WEIGHTS_MISSING,
        "write a branch, a tag or a commit",
        serve=failed(
            "DownloadFailed",
            "hf://fairlead/demo@v9: the repository has no such revision: write a branch, a tag or a commit behind "
            "the @",
        ),
    ),
    "the folder holds no weights": Provoked(
        Trouble.WEIGHTS_MISSING,
        "convert its weights",
        serve=failed(
            "EngineStartFailed",
            "pvc://models/demo holds no *.safetensors file: convert its weights; pickles are never loaded",
        ),
    ),
    "the model is gated": Provoked(
        Trouble.MODEL_GATED,
        "give HF_TOKEN by spec.engine.env",
        serve=failed(
            "DownloadFailed",
            "hf://org/gated: the repository is gated: accept its terms on the hub and give HF_TOKEN by spec.engine.env",
        ),
    ),
    "the hub does not answer": Provoked(
        Trouble.DOWNLOAD_FAILED,
        "check the network or HF_ENDPOINT",
        serve=failed(
            "DownloadFailed",
            "hf://org/model: the hub cannot be reached and the model is not cached: check the network or HF_ENDPOINT",
        ),
    ),
    "the job that fetches weights gives up": Provoked(
        Trouble.MODEL_GATED,
        "give HF_TOKEN by spec.engine.env",
        job=FAILED_JOB,
        pod=container(
            ended={
                "exitCode": 1,
                "reason": "Error",
                "message": "hf://org/gated: the repository is gated: accept its terms on the hub and give HF_TOKEN by "
                "spec.engine.env",
            }
        ),
    ),
    "the job that fetches weights dies without a word": Provoked(
        Trouble.DOWNLOAD_FAILED, "Job has reached the limit", job=FAILED_JOB
    ),
    "the engine fails for a reason of its own": Provoked(
        Trouble.ENGINE_START_FAILED,
        "ZeroDivisionError",
        serve=failed("EngineStartFailed", "the engine did not start: ZeroDivisionError: division by zero"),
    ),
    "a replica uses more memory than its pod may": Provoked(
        Trouble.OOM_KILLED,
        "raise spec.resources.memory",
        pod=container(
            waiting={"reason": "CrashLoopBackOff", "message": "back-off"},
            ended={"exitCode": 137, "reason": "OOMKilled"},
        ),
    ),
    "a container ends again and again": Provoked(
        Trouble.CRASH_LOOP,
        "see kubectl logs --previous",
        pod=container(
            waiting={"reason": "CrashLoopBackOff", "message": "back-off"}, ended={"exitCode": 1, "reason": "Error"}
        ),
    ),
    "the quota is used up": Provoked(
        Trouble.QUOTA_EXCEEDED,
        "raise the ResourceQuota",
        ray_cluster='pods "demo-worker" is forbidden: exceeded quota: gpus, requested: 4, used: 8, limited: 8',
    ),
    "no volume can be had for the weights": Provoked(
        Trouble.VOLUME_NOT_BOUND,
        "name a storage class that the cluster has",
        claim={"phase": "Pending"},
        warning=("ProvisioningFailed", 'storageclass "fast" not found'),
    ),
    "a volume cannot be mounted": Provoked(
        Trouble.MOUNT_FAILED,
        "correct spec.model.source",
        pod={"phase": "Pending"},
        warning=("FailedMount", 'persistentvolumeclaim "models" not found'),
    ),
}
"""By what happened. KubeRay missing, names taken and refused manifests stand in tests of their own."""
