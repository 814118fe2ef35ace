"""What is checked before anything starts."""

import ctypes
import shutil
import socket
from typing import NamedTuple

import pytest

from fairlead_cli import preflight
from fairlead_cli.errors import PreflightFailed
from fairlead_cli.home import Home
from fairlead_contract.errors import SourceNeedsCluster
from tests.cli.builders import deployment


class Usage(NamedTuple):
    total: int
    used: int
    free: int


def test_taken_port() -> None:
    """A taken port is named with who has it and what to do."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        with pytest.raises(PreflightFailed, match=rf"port {port} is in use by .*pid \d+.*--port"):
            preflight.check_port(port)


def test_missing_libnuma(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing libnuma is named with the package that brings it, but only where a model runs on CPU."""

    def missing(name: str) -> None:
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(ctypes, "CDLL", missing)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    with pytest.raises(PreflightFailed, match="apt-get install libnuma1"):
        preflight.check_models(home, [deployment()])
    preflight.check_models(home, [deployment(resources={"accelerator": "nvidia-l4"})])


@pytest.mark.parametrize("source", ["pvc://claim/model", "oci://registry/image:1"])
def test_sources_of_clusters(home: Home, source: str) -> None:
    """A source that only a cluster can reach is refused with what works on one machine."""
    with pytest.raises(SourceNeedsCluster, match=r"demo: .* needs a cluster; on one machine, write hf://"):
        preflight.check_models(home, [deployment(model={"source": source})])


def test_too_few_gpus(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Models that need more GPUs than there are together would wait for ever, so they are refused."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2")
    two = {"parallelism": {"tensor": 2}, "resources": {"accelerator": "nvidia-l4"}}
    preflight.check_models(home, [deployment("a", **two)])
    with pytest.raises(PreflightFailed, match="need 4 GPUs and this machine has 3"):
        preflight.check_models(home, [deployment("a", **two), deployment("b", **two)])


@pytest.mark.parametrize("visible, count", [("", 0), ("-1", 0), ("0", 1), ("0,2", 2)])
def test_visible_gpus(monkeypatch: pytest.MonkeyPatch, visible: str, count: int) -> None:
    """CUDA_VISIBLE_DEVICES narrows the GPUs that count."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert preflight.count_gpus() == count


def test_full_disk(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """A nearly full disk is told before it fills."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10, 9, 5_000_000))
    with pytest.raises(PreflightFailed, match=r"only 0\.0 GB are free"):
        preflight.check_machine(home)


def test_missing_secret(home: Home) -> None:
    """A secret that a manifest names and that is not there is told with the file to write."""
    reference = {"secretKeyRef": {"name": "hub", "key": "token"}}
    model = deployment(engine={"env": [{"name": "HF_TOKEN", "valueFrom": reference}]})
    with pytest.raises(PreflightFailed, match=rf"demo: the secret for HF_TOKEN .* {home.secrets}/hub/token"):
        preflight.check_models(home, [model])
    (home.secrets / "hub").mkdir()
    (home.secrets / "hub" / "token").write_text("hf_x")
    preflight.check_models(home, [model])
