"""Starts and ends the platform, from outside its supervisor."""

import os
import signal
import subprocess
import sys
import time
from functools import partial

from fairlead_cli.credentials import create_credentials
from fairlead_cli.errors import PlatformStartFailed
from fairlead_cli.home import Home
from fairlead_cli.issuers_file import create_issuers
from fairlead_cli.keys import key_store
from fairlead_cli.platform import Platform, Service, ServiceState, read_platform
from fairlead_cli.processes import (
    MARK_VARIABLE,
    kill_all,
    platform_processes,
    send_signal,
    wait_for_end,
)
from fairlead_cli.routes import route_table, write_routes
from fairlead_cli.tenants_file import create_tenants
from fairlead_contract.files import PRIVATE_FILE, locked

SUPERVISOR_START_TIMEOUT_S = 20.0
SUPERVISOR_STOP_TIMEOUT_S = 45.0
PAUSE_S = 0.1
TOLERATED_RESTARTS = 2
"""A service that ends this often before it was ever ready will not get ready."""


def ensure_supervisor(home: Home, *, port: int) -> bool:
    """Start the supervisor unless it runs already; leftovers of one that was killed are ended first.

    Returns:
        Whether it was started now.

    Raises:
        PlatformStartFailed: It did not come up.
    """
    with locked(home.root / ".up.lock"):
        platform = read_platform(home)
        if platform is not None and platform.is_running:
            return False
        end_platform(home)
        home.create_service_folders()
        create_credentials(home)
        create_tenants(home)
        create_issuers(home)
        key_store(home).create()
        write_routes(home, route_table((), serve_port=1))
        _set_logs_aside(home)
        _spawn_supervisor(home, port)
        return True


def end_platform(home: Home) -> int:
    """Take the platform down, and whatever a killed supervisor left behind.

    Returns:
        How many processes were running.

    Raises:
        PlatformStartFailed: A process could not be ended.
    """
    platform = read_platform(home)
    find = partial(platform_processes, home.root, platform.supervisor if platform else None)
    count = len(find())
    if platform and platform.is_running:
        send_signal(platform.supervisor.pid, signal.SIGTERM)
        wait_for_end(platform.supervisor, SUPERVISOR_STOP_TIMEOUT_S)
    left = kill_all(find)
    if left:
        raise PlatformStartFailed(f"these processes could not be ended: {[process.pid for process in left]}")
    home.platform.unlink(missing_ok=True)
    home.scrape_targets.unlink(missing_ok=True)
    home.remove_short_folders()
    return count


def wait_for_services(home: Home, timeout_s: float) -> Platform:
    """Wait until every service of the platform runs.

    Raises:
        PlatformStartFailed: One of them ends again and again, or is not ready in time.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        platform = read_platform(home)
        services = list(platform.services.values()) if platform else []
        if platform and services and all(service.is_running for service in services):
            return platform
        for service in services:
            if service.restarts >= TOLERATED_RESTARTS and not service.is_running:
                raise PlatformStartFailed(_why(home, service))
        if platform is None or not platform.is_running or time.monotonic() > deadline:
            waiting = [service.name for service in services if service.state is not ServiceState.RUNNING]
            raise PlatformStartFailed(
                f"{', '.join(waiting) or 'the supervisor'} did not get ready; look at: fairlead logs"
            )
        time.sleep(PAUSE_S)


def _why(home: Home, service: Service) -> str:
    path = home.logs / f"{service.name}.log"
    lines = [line for line in path.read_text(errors="replace").splitlines() if line.strip()] if path.exists() else []
    last = f": {lines[-1].strip()[:300]}" if lines else ""
    return f"{service.name} {service.message}{last} (the whole log: {path})"


def _set_logs_aside(home: Home) -> None:
    """Begin new logs; those of the platform before this one are kept, older ones are not."""
    for log in home.logs.glob("*.log"):
        log.replace(log.with_suffix(".log.1"))


def _spawn_supervisor(home: Home, port: int) -> None:
    log = home.logs / "supervisor.log"
    log.touch(mode=PRIVATE_FILE)
    environment = {
        **os.environ,
        "FAIRLEAD_HOME": str(home.root),
        "FAIRLEAD_PORT": str(port),
        MARK_VARIABLE: str(home.root),
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "fairlead_cli.supervisor"],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    deadline = time.monotonic() + SUPERVISOR_START_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        platform = read_platform(home)
        if platform is not None and platform.supervisor.pid == process.pid and len(platform.services) > 0:
            return
        time.sleep(PAUSE_S)
    raise PlatformStartFailed(f"the supervisor did not start; its log: {log}")
