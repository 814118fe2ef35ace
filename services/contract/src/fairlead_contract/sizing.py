"""How large one replica is, and over how many hosts it lies. Pure.

A host is a worker pod, or a share of one machine. The limits of pods, what Ray counts and what Serve asks of Ray are
made of the same numbers, or replicas would wait for room that is there, or share a pod that has room for one.
"""

import math
from dataclasses import dataclass

from fairlead_contract.modeldeployment import ModelDeployment
from fairlead_contract.quantity import cpu_cores, memory_bytes

GIB = 2**30

CPU_CORES_PER_RANK = 2.0
CPU_CORES_PER_GPU = 4.0
MEMORY_PER_RANK = 2 * GIB
MEMORY_PER_GPU = 16 * GIB
"""Where the manifest leaves it open; on CPUs, besides what the processes take."""

PROCESSES_MEMORY = 3 * GIB
"""What Ray, Python, torch and vLLM take of a pod without an accelerator before there is a model: 2.4 to 3.4 GiB were
seen, with the part of their files that the kernel keeps, which vLLM counts as taken."""


@dataclass(frozen=True, slots=True)
class Host:
    """What one host of a replica has."""

    cpu: float
    """Cores."""

    memory: int
    """Bytes."""

    gpus: int

    @property
    def logical_cpus(self) -> int:
        """Cores as Ray counts them: whole ones, so that a host that holds one replica has no room for another."""
        return math.ceil(self.cpu)


def gpus_per_replica(deployment: ModelDeployment) -> int:
    """Return the GPUs that one replica holds: one per rank, none without an accelerator."""
    return deployment.spec.parallelism.ranks if deployment.spec.resources.accelerator else 0


def hosts_per_replica(deployment: ModelDeployment) -> int:
    """Return how many hosts one replica takes: a stage of a pipeline over GPUs has one of its own."""
    return deployment.spec.parallelism.pipeline if deployment.spec.resources.accelerator else 1


def host_of(deployment: ModelDeployment) -> Host:
    """Return what each host of a replica has; the manifest's resources are those of the whole replica."""
    resources, hosts, gpus = deployment.spec.resources, hosts_per_replica(deployment), gpus_per_replica(deployment)
    ranks = deployment.spec.parallelism.ranks
    cores = gpus * CPU_CORES_PER_GPU or ranks * CPU_CORES_PER_RANK
    memory = gpus * MEMORY_PER_GPU or PROCESSES_MEMORY + ranks * MEMORY_PER_RANK
    if resources.cpu:
        cores = cpu_cores(resources.cpu)
    if resources.memory:
        memory = memory_bytes(resources.memory)
    return Host(cpu=cores / hosts, memory=memory // hosts, gpus=gpus // hosts)
