"""The operating-system processes of one engine: who they are, whether they work, and how they end."""

import contextlib
import re
import time
from dataclasses import dataclass

import psutil

_RANK = re.compile(r"Worker(?:_DP\d+)?(?:_PP(?P<pp>\d+))?(?:_TP(?P<tp>\d+))?")
WORKED_WITHIN_S = 3.0
"""A process that waits for a processor on a crowded machine still gets some of it within this time."""

_RESOURCE_TRACKER = "multiprocessing.resource_tracker"


@dataclass(frozen=True, slots=True)
class EngineRank:
    """One tensor- or pipeline-parallel rank and the process that runs it."""

    rank: int
    pid: int


class EngineProcesses:
    """All descendants of the replica that belong to its engine.

    They are remembered from the first look on: a worker whose parent died is nobody's child any more, but still ours
    to end.
    """

    def __init__(self, root: psutil.Process | None = None) -> None:
        self._root = root or psutil.Process()
        self._known: dict[int, psutil.Process] = {}
        self._processor_s = 0.0
        self._last_worked_s = 0.0

    def refresh(self) -> list[psutil.Process]:
        """Look for new descendants and return all processes known, living ones only."""
        for process in self._root.children(recursive=True):
            if process.pid not in self._known and not _is_resource_tracker(process):
                self._known[process.pid] = process
        self._known = {pid: process for pid, process in self._known.items() if _lives(process)}
        return list(self._known.values())

    def ranks(self, tensor: int) -> list[EngineRank]:
        """Return the ranks that run on this node, by rank; with one rank, the engine core itself runs it.

        Args:
            tensor: Tensor-parallel size, to number ranks across pipeline stages.
        """
        found = [rank for process in self.refresh() if (rank := _rank(process, tensor)) is not None]
        if found:
            return sorted(found, key=lambda rank: rank.rank)
        cores = [process for process in self.refresh() if "EngineCore" in _title(process)]
        return [EngineRank(0, cores[0].pid)] if cores else []

    def are_working(self) -> bool:
        """Tell whether the known processes used processor time within the last seconds, and none of them is stopped.

        To be asked several times: each answer compares with the one before.
        """
        now, total_s = time.monotonic(), 0.0
        for process in self._known.values():
            if _status(process) == psutil.STATUS_STOPPED:
                return False
            total_s += _processor_s(process)
        if total_s != self._processor_s:
            self._processor_s, self._last_worked_s = total_s, now
        return now - self._last_worked_s < WORKED_WITHIN_S

    def kill(self) -> list[psutil.Process]:
        """End every process with SIGKILL, which ends stopped ones too; return them without waiting for their end."""
        doomed = self.refresh()
        for process in doomed:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        return doomed


def _is_resource_tracker(process: psutil.Process) -> bool:
    return _RESOURCE_TRACKER in _title(process)


def _lives(process: psutil.Process) -> bool:
    return process.is_running() and _status(process) != psutil.STATUS_ZOMBIE


def _status(process: psutil.Process) -> str:
    try:
        return str(process.status())
    except psutil.NoSuchProcess:
        return psutil.STATUS_DEAD


def _title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return ""


def _processor_s(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system)


def _rank(process: psutil.Process, tensor: int) -> EngineRank | None:
    match = _RANK.search(_title(process))
    if match is None:
        return None
    return EngineRank(int(match["pp"] or 0) * tensor + int(match["tp"] or 0), process.pid)
