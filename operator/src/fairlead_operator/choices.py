"""What a manifest left open, what was taken for it, and why. Pure."""

from dataclasses import dataclass

from fairlead_contract.modeldeployment import ModelDeployment
from fairlead_contract.quantity import cpu_quantity, memory_quantity
from fairlead_contract.serve_config import replica_spec
from fairlead_contract.sizing import host_of, hosts_per_replica
from fairlead_operator.settings import Settings

_EXECUTORS = {
    "uni": "one process runs the whole model",
    "mp": "all ranks of a replica are in one pod, so that layers are split within a node",
    "ray": "each stage of the pipeline has a node of its own",
}


@dataclass(frozen=True, slots=True)
class Choice:
    """One thing that was taken, and why."""

    what: str
    taken: str
    why: str


def choices_of(deployment: ModelDeployment, settings: Settings) -> tuple[Choice, ...]:
    """Return the choices for one model."""
    resources, host, hosts = deployment.spec.resources, host_of(deployment), hosts_per_replica(deployment)
    share = "by the GPU" if host.gpus else "by the rank"
    executor = replica_spec(deployment).executor
    choices = [Choice("executor", executor, _EXECUTORS[executor])]
    if resources.cpu is None:
        choices.append(Choice("cpu", cpu_quantity(host.cpu * hosts), f"spec.resources.cpu is open: {share}"))
    if resources.memory is None:
        taken = memory_quantity(host.memory * hosts)
        choices.append(Choice("memory", taken, f"spec.resources.memory is open: {share}"))
    if deployment.spec.engine.image is None:
        choices.append(Choice("image", settings.serving_image, "spec.engine.image is open: the operator's"))
    return tuple(choices)
