"""Prometheus and promtool, from Debian's package, once, into the user's cache: `make prometheus`.

The package is unpacked, not installed, with lists of its own: neither root nor fresh lists of the system are needed.
PROMETHEUS_ASSETS names a folder of ready programs instead, for machines without apt.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ASSETS_VARIABLE = "PROMETHEUS_ASSETS"
PACKAGE = "prometheus"


def program(name: str) -> Path:
    """Return the path of a program: prometheus or promtool.

    Raises:
        FileNotFoundError: It is missing; says how to get it.
    """
    named = os.environ.get(ASSETS_VARIABLE)
    path = (Path(named) if named else cached_folder() / "usr" / "bin") / name
    if not path.is_file():
        remedy = f"correct {ASSETS_VARIABLE}" if named else "run `make prometheus`, once"
        raise FileNotFoundError(f"{path} is missing: {remedy}")
    return path


def cached_folder() -> Path:
    """Return the folder into which the package is unpacked."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "fairlead" / PACKAGE


def main() -> None:
    """Bring what is missing, and say where it lies."""
    if os.environ.get(ASSETS_VARIABLE):
        print(f"{ASSETS_VARIABLE} names Prometheus: nothing to bring")
        return
    folder = cached_folder()
    if not folder.is_dir():
        if shutil.which("apt-get") is None:
            sys.exit(f"Without apt, {ASSETS_VARIABLE} must name the folder in which prometheus and promtool lie")
        print("Bringing Prometheus for the tests, once: 20 MB", flush=True)
        _bring(folder)
    print(f"Prometheus lies in {folder}")


def _bring(folder: Path) -> None:
    """Unpack beside the folder and rename at the end, so that it is there wholly or not at all."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".bringing-") as temporary:
        place = Path(temporary)
        own = {"Dir::State::lists": place / "lists", "Dir::Cache": place / "cache", "APT::Sandbox::User": "root"}
        for partial in ("lists/partial", "cache/archives/partial"):
            (place / partial).mkdir(parents=True)
        apt = ["apt-get", "--quiet=2", *(f"--option={name}={value}" for name, value in own.items())]
        for arguments in (["update"], ["download", PACKAGE]):
            subprocess.run([*apt, *arguments], cwd=place, check=True)
        [package] = place.glob("*.deb")
        subprocess.run(["dpkg-deb", "--extract", package, place / "whole"], check=True)
        try:
            (place / "whole").rename(folder)
        except OSError:
            if not folder.is_dir():  # else someone has brought the same meanwhile
                raise


if __name__ == "__main__":
    main()
