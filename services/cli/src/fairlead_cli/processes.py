"""Which processes are ours, told apart from everyone else's, and how they end.

A process belongs to a platform if its environment carries the platform's mark, if it is in the session that its
supervisor leads (some programs overwrite their environment with their title), or if it descends from one that does.
Read from /proc: Ray's own `ray stop` would end every Ray on the machine.
"""

import ctypes
import os
import signal
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
MARK_VARIABLE = "FAIRLEAD_PLATFORM"
"""Set, to the state folder, for the supervisor and all below it; a user's own shell never has it."""

SWEEP_PAUSE_S = 0.05


@dataclass(frozen=True, slots=True)
class Process:
    """One line of the process table."""

    pid: int
    parent: int
    session: int
    started: int
    """Clock ticks after boot: with the pid it names a process for good."""

    state: str

    @property
    def is_alive(self) -> bool:
        return self.state not in "ZX"


@dataclass(frozen=True, slots=True)
class ProcessId:
    """A process that cannot be mistaken for a later one of the same pid."""

    pid: int
    started: int
    boot_id: str

    @property
    def is_alive(self) -> bool:
        """Return whether exactly this process still runs."""
        if self.boot_id != boot_id():
            return False
        process = read_process(self.pid)
        return process is not None and process.started == self.started and process.is_alive


def boot_id() -> str:
    """Return what distinguishes this boot of the machine from every other."""
    return (PROC / "sys/kernel/random/boot_id").read_text().strip()


def identify(pid: int) -> ProcessId | None:
    """Return a process's lasting identity, or None if it has ended."""
    process = read_process(pid)
    return ProcessId(pid, process.started, boot_id()) if process else None


def read_process(pid: int) -> Process | None:
    """Read one process, or None if it has ended."""
    try:
        text = (PROC / str(pid) / "stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name in parentheses may hold spaces and parentheses itself, so fields count from the last one.
    fields = text.rpartition(")")[2].split()
    return Process(pid, int(fields[1]), int(fields[3]), int(fields[19]), fields[0])


def read_processes() -> list[Process]:
    """Read the process table."""
    pids = (int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit())
    return [process for pid in pids if (process := read_process(pid))]


def platform_processes(root: Path, supervisor: ProcessId | None = None) -> list[Process]:
    """Return the living processes of the platform whose state folder is `root`, without the asking process.

    Args:
        root: The platform's state folder.
        supervisor: The leader of the session that all of them are in, dead or alive, if it is known.
    """
    table = _living()
    session = supervisor.pid if supervisor and _leads_still(supervisor, table) else None
    ours = {process.pid for process in table if process.session == session or _is_marked(process.pid, root)}
    ours = _with_descendants(ours, table) - {os.getpid()}
    return [process for process in table if process.pid in ours]


def descendants(*, without: Iterable[int]) -> list[Process]:
    """Return the living processes below the asking one, but those named and all that are below them."""
    table = _living()
    kept = _with_descendants(set(without), table) | {os.getpid()}
    below = _with_descendants({os.getpid()}, [process for process in table if process.pid not in kept])
    return [process for process in table if process.pid in below - kept]


def _living() -> list[Process]:
    return [process for process in read_processes() if process.is_alive]


def _leads_still(leader: ProcessId, table: list[Process]) -> bool:
    """Return whether a session of the leader's number is the leader's, and not a later process's of the same pid."""
    same_pid = next((process for process in table if process.pid == leader.pid), None)
    return leader.boot_id == boot_id() and (same_pid is None or same_pid.started == leader.started)


def _is_marked(pid: int, root: Path) -> bool:
    try:
        environment = (PROC / str(pid) / "environ").read_bytes()
    except OSError:
        return False
    return f"{MARK_VARIABLE}={root}".encode() in environment.split(b"\0")


def _with_descendants(roots: set[int], table: list[Process]) -> set[int]:
    found = set(roots)
    while more := {process.pid for process in table if process.parent in found} - found:
        found |= more
    return found


def send_signal(pid: int, number: signal.Signals) -> None:
    """Signal a process that may have ended meanwhile."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def kill_all(find: Callable[[], list[Process]], *, timeout_s: float = 10.0) -> list[Process]:
    """Kill what `find` finds, stopped processes included, until it finds nothing.

    Returns:
        The processes that outlived the time, such as one that the kernel holds in I/O.
    """
    deadline = time.monotonic() + timeout_s
    while left := find():
        for process in left:
            send_signal(process.pid, signal.SIGKILL)
        if time.monotonic() > deadline:
            return left
        time.sleep(SWEEP_PAUSE_S)
    return []


def adopt_orphans() -> None:
    """Make the calling process the parent of every descendant whose own parent ends, so that none gets lost."""
    PR_SET_CHILD_SUBREAPER = 36  # noqa: N806 - the kernel's own name, from linux/prctl.h
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def reap_orphans(children: Iterable[int]) -> None:
    """Take the exit status of adopted processes that have ended; `children` are waited for by someone else."""
    spared = set(children)
    for process in read_processes():
        if process.parent == os.getpid() and process.state == "Z" and process.pid not in spared:
            with suppress(ChildProcessError):
                os.waitpid(process.pid, os.WNOHANG)


def wait_for_end(process: ProcessId, timeout_s: float) -> bool:
    """Wait until a process has ended; return whether it has."""
    deadline = time.monotonic() + timeout_s
    while process.is_alive:
        if time.monotonic() > deadline:
            return False
        time.sleep(SWEEP_PAUSE_S)
    return True
