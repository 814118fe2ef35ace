"""Where the programs of the control plane lie: where `make control-plane` put them, or where KUBEBUILDER_ASSETS says.

What is built lies in the user's cache, in a folder named after everything that it was built from.
"""

import hashlib
import os
import platform
import re
from pathlib import Path

ASSETS_VARIABLE = "KUBEBUILDER_ASSETS"
MODULE = Path(__file__).parent / "programs"
PROGRAMS = ("etcd", "kube-apiserver", "kube-controller-manager", "kubectl")


def programs_folder() -> Path:
    """Return the folder that holds the programs.

    Raises:
        FileNotFoundError: One is missing; says how to get it.
    """
    folder = assets_folder() or built_folder()
    missing = [name for name in PROGRAMS if not (folder / name).is_file()]
    if missing:
        remedy = f"correct {ASSETS_VARIABLE}" if assets_folder() else "run `make control-plane`, once"
        raise FileNotFoundError(f"{folder} holds no {', '.join(missing)}: {remedy}")
    return folder


def assets_folder() -> Path | None:
    """Return the folder of ready programs that the user names, if any."""
    named = os.environ.get(ASSETS_VARIABLE)
    return Path(named) if named else None


def built_folder() -> Path:
    """Return the folder into which this version of the programs is built."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    sources = b"".join((MODULE / name).read_bytes() for name in ("go.mod", "go.sum", "main.go"))
    identity = hashlib.sha256(sources + platform.machine().encode()).hexdigest()[:12]
    return cache / "fairlead" / "control-plane" / f"{kubernetes_version()}-{identity}"


def kubernetes_version() -> str:
    """Return the version of Kubernetes that the module requires, such as v1.36.3."""
    found = re.search(r"^\s+k8s\.io/kubernetes (v\S+)$", (MODULE / "go.mod").read_text(), re.MULTILINE)
    if not found:
        raise ValueError(f"{MODULE / 'go.mod'} requires no k8s.io/kubernetes")
    return found[1]
