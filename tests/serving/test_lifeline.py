"""Tying an engine's processes to the replica that started them."""

import subprocess
import sys
from pathlib import Path

import psutil

from tests.support.waiting import eventually

_REPLICA = """
import multiprocessing, sys, time
from fairlead_serving.lifeline import arm

def engine(connection):
    arm()
    arm()
    connection.send("armed")
    time.sleep(600)

if __name__ == "__main__":
    arm()
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    child = multiprocessing.get_context("spawn").Process(target=engine, args=(theirs,))
    child.start()
    ours.recv()
    print(child.pid, flush=True)
    sys.stdin.read()
"""


def test_an_engine_dies_with_its_replica(tmp_path: Path) -> None:
    """When a replica is killed, the processes that it started are gone within seconds."""
    script = tmp_path / "replica.py"
    script.write_text(_REPLICA)
    replica = subprocess.Popen([sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert replica.stdout
    engine = psutil.Process(int(replica.stdout.readline()))
    assert engine.is_running()
    replica.kill()
    replica.communicate()
    eventually(
        lambda: not engine.is_running() or engine.status() == psutil.STATUS_ZOMBIE,
        within_s=10,
        what="the engine to be gone",
    )
