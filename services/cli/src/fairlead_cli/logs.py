"""The logs of a service or a model: its last lines, and what is added."""

import time
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path

from fairlead_cli.applied import read_applied
from fairlead_cli.errors import UnknownName
from fairlead_cli.home import Home
from fairlead_cli.observed import observe
from fairlead_cli.services import GATEWAY, RAY, VALKEY
from fairlead_cli.status import serve_deployment

SUPERVISOR = "supervisor"
SERVICES = (SUPERVISOR, VALKEY, RAY, GATEWAY)
FOLLOW_PAUSE_S = 0.3


def log_files(home: Home, name: str | None) -> list[Path]:
    """Return the log files of a service or a model, or of every service.

    Raises:
        UnknownName: There is no such service or model.
    """
    if name is None:
        return [home.logs / f"{service}.log" for service in SERVICES]
    if name in SERVICES:
        return [home.logs / f"{name}.log"]
    models = [entry.name for entry in read_applied(home) if name in (entry.name, *entry.deployment.names)]
    if not models:
        known = ", ".join([*SERVICES, *(entry.name for entry in read_applied(home))])
        raise UnknownName(f"no service or model {name!r}; write one of: {known}", param="name")
    return _replica_logs(home, models[0])


def _replica_logs(home: Home, model: str) -> list[Path]:
    """Return what a model's replicas wrote, dead ones too: Serve's log of each and the output of its process.

    Where Serve does not answer, only the logs that carry the model's name can be told apart.
    """
    folder = home.ray / "session_latest" / "logs"
    serving = serve_deployment(observe(home), model)
    replicas = [*serving.get("recent_dead_replicas", []), *serving.get("replicas", [])]
    if not replicas:
        return sorted((folder / "serve").glob(f"replica_{model}_replica_*.log"), key=lambda file: file.stat().st_mtime)
    files = [folder / replica["log_file_path"].lstrip("/") for replica in replicas if replica["log_file_path"]]
    outputs = [file for replica in replicas for file in sorted(folder.glob(f"worker-{replica['worker_id']}-*"))]
    return outputs + files


def last_lines(path: Path, count: int) -> list[str]:
    """Return the last lines of a file, none if there is no file."""
    if not path.exists():
        return []
    with path.open(errors="replace") as file:
        return [line.rstrip("\n") for line in deque(file, maxlen=count)]


def follow(paths: Sequence[Path]) -> Iterator[tuple[Path, str]]:
    """Yield each line that is added to the files from now on, for ever."""
    positions = {path: path.stat().st_size if path.exists() else 0 for path in paths}
    while True:
        idle = True
        for path, position in positions.items():
            for line, end in _lines_from(path, position):
                positions[path] = end
                idle = False
                yield path, line
        if idle:
            time.sleep(FOLLOW_PAUSE_S)


def _lines_from(path: Path, position: int) -> Iterator[tuple[str, int]]:
    """Yield whole lines behind a position, each with the position behind it; a file that shrank is read anew."""
    if not path.exists():
        return
    with path.open("rb") as file:
        file.seek(position if position <= path.stat().st_size else 0)
        while (line := file.readline()).endswith(b"\n"):
            yield line[:-1].decode(errors="replace"), file.tell()
