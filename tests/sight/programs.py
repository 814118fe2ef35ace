"""Prometheus and promtool, built from their Go modules once, into the user's cache: `make prometheus`.

PROMETHEUS_ASSETS names a folder of ready ones instead, such as /usr/bin with Debian's package. GO names the go command.
"""

import hashlib
import os
import platform
import subprocess
import tempfile
import time
from pathlib import Path

ASSETS_VARIABLE = "PROMETHEUS_ASSETS"
MODULE = Path(__file__).parent / "programs"
PROGRAMS = ("prometheus", "promtool")
PACKAGES = tuple(f"github.com/prometheus/prometheus/cmd/{name}" for name in PROGRAMS)
TAGS = "remove_all_sd"
"""Leaves out the clients of all clouds, which are most of the code: targets come from files here."""


def program(name: str) -> Path:
    """Return the path of a program.

    Raises:
        FileNotFoundError: It is missing; says how to get it.
    """
    named = os.environ.get(ASSETS_VARIABLE)
    path = (Path(named) if named else built_folder()) / name
    if not path.is_file():
        remedy = f"correct {ASSETS_VARIABLE}" if named else "run `make prometheus`, once"
        raise FileNotFoundError(f"{path} is missing: {remedy}")
    return path


def built_folder() -> Path:
    """Return the folder into which this version of the programs is built."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    sources = b"".join((MODULE / name).read_bytes() for name in ("go.mod", "go.sum"))
    identity = hashlib.sha256(sources + platform.machine().encode()).hexdigest()[:12]
    return cache / "fairlead" / "prometheus" / identity


def main() -> None:
    """Build what is missing, and say where it lies."""
    folder = built_folder()
    if os.environ.get(ASSETS_VARIABLE):
        print(f"{ASSETS_VARIABLE} names Prometheus: nothing to build")
        return
    if not folder.is_dir():
        print("Building Prometheus for the tests, once: MINUTES on 2 cores", flush=True)
        start = time.monotonic()
        _build(os.environ.get("GO", "go").split(), folder)
        print(f"Built in {time.monotonic() - start:.0f} s")
    print(f"Prometheus lies in {folder}")


def _build(go: list[str], folder: Path) -> None:
    """Build beside the folder and rename at the end, so that it is there wholly or not at all."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    environment = os.environ | {"CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly", "GOWORK": "off"}
    flags = ["-trimpath", "-buildvcs=false", f"-tags={TAGS}", "-ldflags=-s -w"]
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".building-") as temporary:
        whole = Path(temporary) / "whole"
        whole.mkdir()
        command = [*go, "build", "-C", str(MODULE), "-o", f"{whole}/", *flags, *PACKAGES]
        subprocess.run(command, env=environment, check=True)
        try:
            whole.rename(folder)
        except OSError:
            if not folder.is_dir():  # else someone has built the same meanwhile
                raise


if __name__ == "__main__":
    main()
