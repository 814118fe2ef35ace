"""The supervisor, as a real process with small real services."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from fairlead_cli.home import Home
from fairlead_cli.platform import Platform, read_platform
from fairlead_cli.processes import MARK_VARIABLE, kill_all, platform_processes
from fairlead_cli.startup import end_platform
from tests.support.waiting import eventually

SUPERVISOR = """
import asyncio, os, sys
from fairlead_cli.home import find_home
from fairlead_cli.keeper import ServiceSpec
from fairlead_cli.ports import choose_ports
from fairlead_cli.processes import adopt_orphans
from fairlead_cli.supervisor import Supervisor, new_platform

CHILD = "[sys.executable, '-c', 'import time; time.sleep(600)']"
ORPHAN = f"subprocess.Popen({CHILD}, env={{}}, start_new_session=True)"
WITH_ORPHAN = f"import subprocess, sys, time; {ORPHAN}; time.sleep(600)"

home = find_home()
adopt_orphans()
specs = [
    ServiceSpec(
        name=name,
        command=[sys.executable, "-c", WITH_ORPHAN],
        environment=dict(os.environ),
        log=home.logs / f"{name}.log",
        is_ready=lambda: True,
    )
    for name in ("one", "two")
]
asyncio.run(Supervisor(home, new_platform(choose_ports(8080))).run(specs))
"""


@pytest.fixture
def supervisor(home: Home) -> Iterator[subprocess.Popen[bytes]]:
    """A supervisor of two services, each of which has a child in a session of its own, without the mark."""
    environment = {**os.environ, MARK_VARIABLE: str(home.root)}
    process = subprocess.Popen([sys.executable, "-c", SUPERVISOR], env=environment, start_new_session=True)

    def are_told() -> bool:
        # A process is there before the state tells of it.
        told = read_platform(home)
        return told is not None and [service.is_running for service in told.services.values()] == [True, True]

    eventually(lambda: len(platform_processes(home.root)) == 5, within_s=30, what="two services with a child each")
    eventually(are_told, within_s=30, what="the state tells of both services")
    yield process
    process.kill()
    process.wait()
    kill_all(lambda: platform_processes(home.root))


def running(home: Home) -> Platform:
    platform = read_platform(home)
    assert platform is not None
    return platform


def test_tells_of_its_services(home: Home, supervisor: subprocess.Popen[bytes]) -> None:
    """platform.json names the supervisor and its services, and all of them live."""
    platform = running(home)
    assert platform.supervisor.pid == supervisor.pid
    assert platform.is_running
    assert {name: service.is_running for name, service in platform.services.items()} == {"one": True, "two": True}


def test_down(home: Home, supervisor: subprocess.Popen[bytes]) -> None:
    """Taking the platform down ends the supervisor, its services and what these started, and forgets the platform."""
    assert end_platform(home) == 5
    assert supervisor.wait() == 0
    assert platform_processes(home.root) == []
    assert not home.platform.exists()
    assert not home.scrape_targets.exists()


def test_down_with_stopped_services(home: Home, supervisor: subprocess.Popen[bytes]) -> None:
    """Stopped services and stopped children end too."""
    for process in platform_processes(home.root):
        if process.pid != supervisor.pid:
            os.kill(process.pid, signal.SIGSTOP)
    end_platform(home)
    assert platform_processes(home.root) == []


def test_down_after_the_supervisor_was_killed(home: Home, supervisor: subprocess.Popen[bytes]) -> None:
    """A killed supervisor leaves services behind; the state says so, and taking the platform down ends them."""
    supervisor.kill()
    supervisor.wait()
    assert not running(home).is_running
    assert end_platform(home) == 4
    assert platform_processes(home.root) == []


def test_killed_service(home: Home, supervisor: subprocess.Popen[bytes]) -> None:
    """A service that is killed is started again, and the state counts it."""
    assert supervisor.poll() is None
    killed = running(home).services["one"].process
    assert killed is not None
    os.kill(killed.pid, signal.SIGKILL)

    def is_back() -> bool:
        service = running(home).services["one"]
        return service.is_running and service.restarts == 1

    eventually(is_back, within_s=20, what="the killed service runs again")


def test_down_twice(home: Home, supervisor: subprocess.Popen[bytes]) -> None:
    """Taking down what is down already is no error."""
    end_platform(home)
    assert supervisor.wait() == 0
    assert end_platform(home) == 0
