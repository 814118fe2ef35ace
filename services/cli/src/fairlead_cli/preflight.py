"""What must hold before anything is started or downloaded; each failure says what to do."""

import ctypes
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence

from fairlead_cli.errors import PreflightFailed
from fairlead_cli.home import Home
from fairlead_cli.port_owner import port_owner
from fairlead_cli.ports import is_free
from fairlead_contract.errors import SourceNeedsCluster
from fairlead_contract.modeldeployment import ModelDeployment
from fairlead_contract.sizing import gpus_per_replica

OLDEST_PYTHON = (3, 11)
LEAST_FREE_BYTES = 1_000_000_000
NUMA_LIBRARY = "libnuma.so.1"
NVIDIA_SMI_TIMEOUT_S = 20


def check_machine(home: Home) -> None:
    """Check what every platform needs of the machine.

    Raises:
        PreflightFailed: Python is too old, or the disk is nearly full.
    """
    if sys.version_info < OLDEST_PYTHON:
        raise PreflightFailed(f"Python {sys.version.split()[0]} is too old; use 3.11 or later")
    free = shutil.disk_usage(home.root).free
    if free < LEAST_FREE_BYTES:
        raise PreflightFailed(
            f"only {free / 1e9:.1f} GB are free where {home.root} lies; free at least {LEAST_FREE_BYTES / 1e9:.0f} GB"
        )


def check_port(port: int) -> None:
    """Check that the gateway can listen.

    Raises:
        PreflightFailed: Something else listens on the port.
    """
    if not is_free(port):
        owner = port_owner(port)
        by = f" by {owner}" if owner else ""
        raise PreflightFailed(
            f"port {port} is in use{by}; stop that, or choose another: fairlead up --port {port + 1} ..."
        )


def check_models(home: Home, deployments: Sequence[ModelDeployment]) -> None:
    """Check that this machine can run the models.

    Raises:
        SourceNeedsCluster: A model's weights lie where only a cluster can reach.
        PreflightFailed: A secret, a system library or GPUs are missing.
    """
    for deployment in deployments:
        if deployment.source.needs_cluster:
            raise SourceNeedsCluster(
                f"{deployment.name}: {deployment.spec.model.source} needs a cluster; "
                "on one machine, write hf://organisation/name, s3://bucket/prefix or file:///folder",
                param="spec.model.source",
            )
        _check_secrets(home, deployment)
    if any(not gpus_per_replica(deployment) for deployment in deployments):
        check_cpu_libraries()
    gpus = sum(gpus_per_replica(deployment) * deployment.spec.scaling.min_replicas for deployment in deployments)
    if gpus > (present := count_gpus()):
        raise PreflightFailed(
            f"the models need {gpus} GPUs and this machine has {present}; use fewer or smaller models, "
            "or leave spec.resources.accelerator out to run on CPU"
        )


def _check_secrets(home: Home, deployment: ModelDeployment) -> None:
    for variable in deployment.spec.engine.env:
        if variable.value_from is None:
            continue
        reference = variable.value_from.secret_key_ref
        path = home.secrets / reference.name / reference.key
        if not path.is_file():
            raise PreflightFailed(
                f"{deployment.name}: the secret for {variable.name} is missing; write its value to {path}",
                param="spec.engine.env",
            )


def check_cpu_libraries() -> None:
    """Check the system libraries of vLLM on CPU.

    Raises:
        PreflightFailed: libnuma is missing; vLLM would die with an attribute error deep inside.
    """
    try:
        ctypes.CDLL(NUMA_LIBRARY)
    except OSError:
        raise PreflightFailed(
            "the system library libnuma is missing, which vLLM needs on CPU; install it: "
            "sudo apt-get install libnuma1 (Debian, Ubuntu) or sudo dnf install numactl-libs (Fedora)"
        ) from None


def count_gpus() -> int:
    """Return the NVIDIA GPUs that the driver shows, as CUDA_VISIBLE_DEVICES narrows them."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return len([device for device in visible.split(",") if device.strip() not in ("", "-1")])
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return 0
    listing = subprocess.run(  # noqa: S603 - a fixed command
        [tool, "-L"], capture_output=True, text=True, timeout=NVIDIA_SMI_TIMEOUT_S, check=False
    )
    return sum(line.startswith("GPU ") for line in listing.stdout.splitlines())
