"""Which processes are a platform's, with real processes."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from fairlead_cli.processes import (
    MARK_VARIABLE,
    ProcessId,
    descendants,
    identify,
    kill_all,
    platform_processes,
    wait_for_end,
)
from tests.cli.conftest import SLEEPER

PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], env={}, start_new_session=%r)
print(child.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def started() -> Iterator[list[subprocess.Popen[str]]]:
    """Processes that the test starts; whatever is left of them is killed."""
    processes: list[subprocess.Popen[str]] = []
    yield processes
    for process in processes:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()


def identity(pid: int) -> ProcessId:
    found = identify(pid)
    assert found is not None
    return found


def test_alive_and_ended(started: list[subprocess.Popen[str]]) -> None:
    """A process is alive until it has ended, even before anyone asked for its exit code."""
    process = subprocess.Popen(SLEEPER, text=True)
    started.append(process)
    who = identity(process.pid)
    assert who.is_alive
    process.kill()
    assert wait_for_end(who, timeout_s=5)


def test_a_reused_pid_is_someone_else() -> None:
    """A process of the same pid that started at another time, or at another boot, is not the one meant."""
    myself = identity(os.getpid())
    assert myself.is_alive
    assert not ProcessId(myself.pid, myself.started - 1, myself.boot_id).is_alive
    assert not ProcessId(myself.pid, myself.started, "another boot").is_alive


def test_marked_processes(started: list[subprocess.Popen[str]], tmp_path: Path) -> None:
    """A process with the platform's mark is its own; one with another platform's mark is not."""
    roots = (tmp_path / "ours", tmp_path / "ours-too")
    started += [subprocess.Popen(SLEEPER, text=True, env={MARK_VARIABLE: str(root)}) for root in roots]
    assert [process.pid for process in platform_processes(tmp_path / "ours")] == [started[0].pid]


@pytest.mark.parametrize("new_session", [False, True])
def test_unmarked_descendants(started: list[subprocess.Popen[str]], tmp_path: Path, *, new_session: bool) -> None:
    """A child that lost the mark is found by its parent, in whichever session it is."""
    parent, child = start_parent(started, tmp_path, new_session=new_session)
    assert {process.pid for process in platform_processes(tmp_path)} == {parent.pid, child}


def test_orphans_of_a_session(started: list[subprocess.Popen[str]], tmp_path: Path) -> None:
    """A child without the mark whose parent was killed is found by the session that the parent led."""
    parent, child = start_parent(started, tmp_path, new_session=False)
    leader = identity(parent.pid)
    parent.kill()
    parent.wait()
    assert [process.pid for process in platform_processes(tmp_path, leader)] == [child]
    assert kill_all(partial(platform_processes, tmp_path, leader)) == []
    assert platform_processes(tmp_path, leader) == []


def test_descendants(started: list[subprocess.Popen[str]], tmp_path: Path) -> None:
    """What is below the asking process is found, but nothing of what is kept."""
    kept, kept_child = start_parent(started, tmp_path, new_session=False)
    other, other_child = start_parent(started, tmp_path, new_session=True)
    found = {process.pid for process in descendants(without=[kept.pid])}
    assert {other.pid, other_child} <= found
    assert found.isdisjoint({kept.pid, kept_child, os.getpid()})


def test_stopped_processes_end_too(started: list[subprocess.Popen[str]], tmp_path: Path) -> None:
    """A stopped process, which heeds no SIGTERM, is killed."""
    process = subprocess.Popen(SLEEPER, text=True, env={MARK_VARIABLE: str(tmp_path)})
    started.append(process)
    process.send_signal(signal.SIGSTOP)
    assert kill_all(partial(platform_processes, tmp_path)) == []
    assert process.wait() == -signal.SIGKILL


def start_parent(
    started: list[subprocess.Popen[str]], root: Path, *, new_session: bool
) -> tuple[subprocess.Popen[str], int]:
    """Start a marked session leader whose child has no mark; return it and the child's pid."""
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT % new_session],
        env={MARK_VARIABLE: str(root)},
        start_new_session=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    started.append(parent)
    assert parent.stdout is not None
    return parent, int(parent.stdout.readline())
