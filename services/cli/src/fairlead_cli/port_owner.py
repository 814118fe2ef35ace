"""Who listens on a port, as far as /proc lets us see."""

from contextlib import suppress
from pathlib import Path

LISTEN = "0A"
TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))


def port_owner(port: int) -> str | None:
    """Return the process that listens on a TCP port, as `name (pid 12)`, or None where that cannot be seen."""
    sockets = {f"socket:[{inode}]" for table in TABLES for inode in _listening(table, port)}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and sockets & _open_files(folder / "fd"):
            return f"{_name(folder)} (pid {folder.name})"
    return None


def _listening(table: Path, port: int) -> list[str]:
    rows = [line.split() for line in table.read_text().splitlines()[1:]] if table.exists() else []
    return [row[9] for row in rows if row[3] == LISTEN and int(row[1].rpartition(":")[2], 16) == port]


def _open_files(folder: Path) -> set[str]:
    """Return what a process has open; files that it closes meanwhile are left out."""
    targets = set()
    with suppress(OSError):
        for entry in folder.iterdir():
            with suppress(FileNotFoundError):
                targets.add(str(entry.readlink()))
    return targets


def _name(folder: Path) -> str:
    try:
        return (folder / "comm").read_text().strip()
    except OSError:
        return "a process"
