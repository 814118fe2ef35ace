"""How large the hosts of a replica are."""

from typing import Any

import pytest

from fairlead_contract.sizing import GIB, Host, gpus_per_replica, host_of, hosts_per_replica
from tests.contract.manifests import deployment


@pytest.mark.parametrize(
    "spec, hosts, expected",
    [
        ({"resources": {"cpu": 3, "memory": "6Gi"}}, 1, Host(3, 6 * GIB, 0)),
        ({}, 1, Host(2, 5 * GIB, 0)),
        ({"parallelism": {"tensor": 2, "pipeline": 2}}, 1, Host(8, 11 * GIB, 0)),
        ({"resources": {"accelerator": "nvidia-l4"}}, 1, Host(4, 16 * GIB, 1)),
        (
            {
                "parallelism": {"tensor": 4, "pipeline": 2},
                "resources": {"accelerator": "nvidia-l4", "cpu": 16, "memory": "100Gi"},
            },
            2,
            Host(8, 50 * GIB, 4),
        ),
    ],
    ids=["as given", "a rank of its own", "all ranks in one", "by the GPU", "stages share"],
)
def test_hosts(spec: dict[str, Any], hosts: int, expected: Host) -> None:
    """A host has what is given, or what a rank or a GPU needs, and a stage of a pipeline over GPUs has its share."""
    found = deployment(**spec)

    assert hosts_per_replica(found) == hosts
    assert host_of(found) == expected
    assert gpus_per_replica(found) == hosts * expected.gpus


@pytest.mark.parametrize("cores, expected", [(0.5, 1), (1.0, 1), (1.5, 2), (16.0, 16)])
def test_whole_cpus(cores: float, expected: int) -> None:
    """Ray counts begun cores as whole ones."""
    assert Host(cores, GIB, 0).logical_cpus == expected
