"""The operating-system processes of an engine."""

import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest

from fairlead_serving.processes import EngineProcesses, EngineRank
from tests.support.waiting import eventually

_ENGINE = """
import subprocess, sys, setproctitle
children = [
    subprocess.Popen([sys.executable, "-c", f"import time, setproctitle as s; s.setproctitle('VLLM::Worker_{rank}'); "
                      "print('up', flush=True); time.sleep(600)"], stdout=subprocess.PIPE)
    for rank in sys.argv[1:]
]
for child in children:
    child.stdout.readline()
setproctitle.setproctitle("VLLM::EngineCore")
print("up", flush=True)
sys.stdin.read()
"""


def start(*ranks: str) -> subprocess.Popen[bytes]:
    engine = subprocess.Popen([sys.executable, "-c", _ENGINE, *ranks], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert engine.stdout
    assert engine.stdout.readline() == b"up\n"
    return engine


@pytest.fixture
def two_ranks() -> Iterator[subprocess.Popen[bytes]]:
    engine = start("TP0", "TP1")
    family = [psutil.Process(engine.pid), *psutil.Process(engine.pid).children()]
    yield engine
    for process in family:
        if process.is_running():
            process.kill()
    engine.communicate()


def test_ranks_are_found_by_their_titles(two_ranks: subprocess.Popen[bytes]) -> None:
    """Each tensor-parallel rank is reported with the process that runs it."""
    ranks = EngineProcesses().ranks(tensor=2)
    workers = {child.pid for child in psutil.Process(two_ranks.pid).children()}
    assert [rank.rank for rank in ranks] == [0, 1]
    assert {rank.pid for rank in ranks} == workers


def test_stages_are_numbered_after_each_other() -> None:
    """With pipeline stages, a rank's number counts the ranks of the stages before it."""
    engine = start("PP0_TP0", "PP0_TP1", "PP1_TP0", "PP1_TP1")
    processes = EngineProcesses()
    assert [rank.rank for rank in processes.ranks(tensor=2)] == [0, 1, 2, 3]
    processes.kill()
    engine.communicate()


def test_a_single_rank_may_run_in_the_core_itself() -> None:
    """Without workers, the engine core is rank 0."""
    engine = start()
    processes = EngineProcesses()
    assert processes.ranks(tensor=1) == [EngineRank(0, engine.pid)]
    processes.kill()
    engine.communicate()


def test_killing_ends_stopped_processes_and_orphans_too(two_ranks: subprocess.Popen[bytes]) -> None:
    """A stopped core and workers whose parent died are gone after a kill."""
    processes = EngineProcesses()
    workers = [process for process in processes.refresh() if process.pid != two_ranks.pid]
    workers[0].suspend()
    two_ranks.kill()
    two_ranks.wait()
    assert psutil.wait_procs(processes.kill(), timeout=10)[1] == []
    assert not any(worker.is_running() for worker in workers)


def test_a_stopped_engine_does_not_work(two_ranks: subprocess.Popen[bytes]) -> None:
    """As soon as one process is stopped, the engine is not working."""
    processes = EngineProcesses()
    processes.refresh()
    assert processes.are_working()
    psutil.Process(two_ranks.pid).suspend()
    eventually(lambda: not processes.are_working(), within_s=5, what="the stop to be seen")


def test_a_sleeping_engine_does_not_work_for_long(
    two_ranks: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An engine that uses no processor time stops counting as working."""
    monkeypatch.setattr("fairlead_serving.processes.WORKED_WITHIN_S", 0.2)
    processes = EngineProcesses()
    processes.refresh()
    eventually(lambda: not processes.are_working(), within_s=10, what="the sleep to be seen")
