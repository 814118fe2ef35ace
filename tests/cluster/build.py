"""Builds the programs of the control plane from their Go modules, once: `make control-plane`.

GO names the go command. No C compiler is needed.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.cluster.binaries import ASSETS_VARIABLE, MODULE, PROGRAMS, assets_folder, built_folder, kubernetes_version

BINARY = "control-plane"
STEPS = 20
"""Lines that tell how far compiling is."""

_PACKAGE = re.compile(r"[\w./~-]+")
"""What `go build -v` prints of a package that it has compiled; other lines are for people."""


def main() -> None:
    """Build what is missing, and say where it lies."""
    if assets_folder():
        print(f"{ASSETS_VARIABLE} names the control plane: nothing to build")
        return
    folder = built_folder()
    if not folder.is_dir():
        print(f"Building Kubernetes {kubernetes_version()} for the tests, once: 10 minutes on 2 cores", flush=True)
        _build(os.environ.get("GO", "go").split(), folder)
    print(f"The control plane lies in {folder}")


def _build(go: list[str], folder: Path) -> None:
    """Build beside the folder and rename at the end, so that it is there wholly or not at all."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".building-") as temporary:
        whole = Path(temporary) / "whole"
        whole.mkdir()
        _compile(go, whole / BINARY)
        for name in PROGRAMS:
            (whole / name).symlink_to(BINARY)
        try:
            whole.rename(folder)
        except OSError:
            if not folder.is_dir():  # else someone has built the same meanwhile
                raise
    print(f"Built in {time.monotonic() - start:.0f} s", flush=True)


def _compile(go: list[str], binary: Path) -> None:
    environment = os.environ | {"CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly", "GOWORK": "off"}
    flags = ["-trimpath", "-buildvcs=false", "-ldflags", _link_flags()]
    stale = ["list", "-C", str(MODULE), "-deps", "-f", "{{if .Stale}}{{.ImportPath}}{{end}}", *flags, "."]
    listed = subprocess.run([*go, *stale], env=environment, stdout=subprocess.PIPE, text=True, check=True)
    command = [*go, "build", "-C", str(MODULE), "-v", "-o", str(binary.absolute()), *flags, "."]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as build:
        assert build.stderr is not None
        for line in reported(build.stderr, total=len(listed.stdout.split())):
            print(line, flush=True)
    if build.returncode:
        sys.exit(f"go build ended with {build.returncode}; its own words are above")


def _link_flags() -> str:
    """Leave debugging symbols out, and let the programs know their version as a release's do."""
    version = kubernetes_version()
    major, minor, _ = version.removeprefix("v").split(".")
    said = {"gitVersion": version, "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    return " ".join(["-s", "-w", *(f"-X k8s.io/component-base/version.{name}={value}" for name, value in said.items())])


def reported(lines: Iterable[str], *, total: int) -> Iterator[str]:
    """Return what to show of the compiler's lines: how many packages are done, and all that is no package."""
    done = 0
    for line in lines:
        if not _PACKAGE.fullmatch(line.strip()):
            yield line.rstrip()
            continue
        done += 1
        if done * STEPS // total > (done - 1) * STEPS // total:
            yield f"  {done:,} of {total:,} packages"


if __name__ == "__main__":
    main()
