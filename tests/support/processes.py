"""The process table as a test sees it: which processes belong to a platform, and on what they listen.

Deliberately independent of the CLI's own bookkeeping, which is what these tests check.
"""

import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

TCP_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_LISTEN = "0A"
_LOOPBACK = {"0100007F", "00000000000000000000000001000000", "0000000000000000FFFF00000100007F"}


@dataclass(frozen=True, slots=True)
class Listener:
    """One listening TCP socket of a platform."""

    port: int
    is_loopback: bool
    pid: int


def platform_processes(home: Path) -> set[psutil.Process]:
    """Return the living processes that belong to the platform of a state folder, and all that descend from them.

    A process belongs to it if its environment or its command line names the folder, or if it has a file below it open;
    some programs overwrite their environment with their title, and some are started without arguments.
    """
    found: set[psutil.Process] = set()
    for process in psutil.process_iter():
        if process.pid != os.getpid() and _names_folder(process.pid, str(home)):
            with suppress(psutil.NoSuchProcess):
                found |= {process, *process.children(recursive=True)}
    return {process for process in found if is_alive(process)}


def is_alive(process: psutil.Process) -> bool:
    """Return whether exactly this process, not a later one of its pid, still runs."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def describe(processes: Iterable[psutil.Process]) -> list[str]:
    """Return one line per process, for a failure's message."""
    lines = []
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            lines.append(f"{process.pid} {process.status()} {' '.join(process.cmdline())[:120]}")
    return lines


def listeners(processes: Iterable[psutil.Process]) -> list[Listener]:
    """Return the TCP sockets on which the processes listen."""
    owners = {inode: process.pid for process in processes for inode in _socket_inodes(process.pid)}
    found = []
    for table in TCP_TABLES:
        for line in table.read_text().splitlines()[1:]:
            fields = line.split()
            address, _, port = fields[1].partition(":")
            if fields[3] == _LISTEN and fields[9] in owners:
                found.append(Listener(int(port, 16), address in _LOOPBACK, owners[fields[9]]))
    return found


def command_lines() -> str:
    """Return the command lines of all processes on the machine."""
    lines = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                lines.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return "\n".join(lines)


def _names_folder(pid: int, folder: str) -> bool:
    proc = Path("/proc") / str(pid)
    for name in ("environ", "cmdline"):
        with suppress(OSError):
            if folder.encode() in (proc / name).read_bytes():
                return True
    return any(target.startswith(folder + "/") for target in _open_files(proc))


def _open_files(proc: Path) -> list[str]:
    targets = []
    with suppress(OSError):
        for descriptor in (proc / "fd").iterdir():
            with suppress(OSError):
                targets.append(str(descriptor.readlink()))
    return targets


def _socket_inodes(pid: int) -> set[str]:
    opened = _open_files(Path("/proc") / str(pid))
    return {target.removeprefix("socket:[").rstrip("]") for target in opened if target.startswith("socket:[")}
