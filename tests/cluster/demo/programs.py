"""Programs that run as long as a context lasts."""

import os
import secrets
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from fairlead_cli.processes import MARK_VARIABLE, identify, kill_all, platform_processes
from tests.support.waiting import eventually

START_S = 180
STOP_S = 20


@contextmanager
def running_program(
    command: Sequence[str], *, environment: Mapping[str, str], log: Path, is_ready: Callable[[], bool]
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program in a session of its own, wait until it is ready, and end it with all that it started.

    Raises:
        AssertionError: It ended before it was ready, or was not in time; its log says why.
    """
    mark = log.with_name(secrets.token_hex(8))  # another program may write to the same log
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            env={**environment, MARK_VARIABLE: str(mark)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    leader = identify(process.pid)
    assert leader is not None
    try:
        eventually(lambda: _lives(process, log) and is_ready(), within_s=START_S, what=f"ready: {log.stem}")
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        kill_all(partial(platform_processes, mark, leader))


def _lives(process: subprocess.Popen[bytes], log: Path) -> bool:
    if process.poll() is not None:
        raise RuntimeError(f"{log.stem} ended with {process.returncode}: {log.read_text()[-2000:]}")
    return True


def plain_environment(**more: str) -> dict[str, str]:
    """Return this process's environment, without what would slow or mislead programs, and more."""
    trouble = ("PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV")
    return {name: value for name, value in os.environ.items() if name not in trouble} | more
