"""Processes bound to one core, and the processor time that they have used."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

STARTUP_TIMEOUT_S = 300.0
STOP_TIMEOUT_S = 20.0

MEASURED_CORE = 0
"""What is measured has this core for itself."""

OTHER_CORE = 1
"""The load, the upstream and Redis share this one."""


@contextmanager
def running(
    command: Sequence[str | Path],
    *,
    core: int,
    log: Path,
    environment: Mapping[str, str] | None = None,
    is_ready: Callable[[], bool],
) -> Iterator[psutil.Process]:
    """Run a command on one core as long as the context lasts, from when it is ready.

    Raises:
        RuntimeError: It ended, or was not ready in time.
    """
    with log.open("wb") as output:
        started = subprocess.Popen(
            ["taskset", "--cpu-list", str(core), *command],
            env=os.environ | (environment or {}),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    process = psutil.Process(started.pid)
    try:
        _await(started, is_ready, log)
        yield process
    finally:
        family = [process, *process.children(recursive=True)] if process.is_running() else []
        for member in family:
            member.terminate()
        _, alive = psutil.wait_procs(family, timeout=STOP_TIMEOUT_S)
        for member in alive:
            member.kill()
        started.wait()


def processor_s(process: psutil.Process) -> float:
    """Return the seconds of processor time that a process and its living children have used."""
    used = 0.0
    for member in (process, *process.children(recursive=True)):
        times = member.cpu_times()
        used += times.user + times.system
    return used


def _await(started: subprocess.Popen[bytes], is_ready: Callable[[], bool], log: Path) -> None:
    deadline = time.monotonic() + STARTUP_TIMEOUT_S
    while not is_ready():
        if started.poll() is not None:
            raise RuntimeError(f"a server ended with {started.returncode} before it was ready: {log}")
        if time.monotonic() > deadline:
            raise RuntimeError(f"a server was not ready in {STARTUP_TIMEOUT_S:.0f} s: {log}")
        time.sleep(0.1)
