"""Services are kept running, with real processes."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fairlead_cli.keeper import Keeper, ServiceSpec
from fairlead_cli.platform import Service, ServiceState
from tests.cli.conftest import SLEEPER

STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(15, signal.SIG_IGN); print(1, flush=True); time.sleep(600)",
]


async def seen(reports: asyncio.Queue[Service], wanted: Callable[[Service], bool]) -> Service:
    """Wait for a report that is wanted."""
    async with asyncio.timeout(30):
        while not wanted(report := await reports.get()):
            continue
        return report


@asynccontextmanager
async def kept(
    command: list[str], folder: Path, **changes: Any
) -> AsyncIterator[tuple[Keeper, asyncio.Queue[Service]]]:
    """Keep a service, and end it."""
    reports: asyncio.Queue[Service] = asyncio.Queue()
    options: dict[str, Any] = {"is_ready": lambda: True} | changes
    spec = ServiceSpec(name="it", command=command, environment=dict(os.environ), log=folder / "it.log", **options)
    keeper = Keeper(spec, reports.put_nowait)
    task = asyncio.create_task(keeper.run())
    try:
        yield keeper, reports
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await keeper.stop()


def is_running(report: Service) -> bool:
    return report.state is ServiceState.RUNNING


async def test_started_until_ready(tmp_path: Path) -> None:
    """A service is starting until it says that it is ready, then it runs, and its process is told."""
    ready = iter([False, False, True])
    async with kept(SLEEPER, tmp_path, is_ready=lambda: next(ready)) as (_, reports):
        assert (await reports.get()).state is ServiceState.STARTING
        running = await reports.get()
        assert running.is_running
        assert list(ready) == []


async def test_killed_service_is_started_again(tmp_path: Path) -> None:
    """A service that is killed runs again soon, as another process, and both are told."""
    async with kept(SLEEPER, tmp_path) as (_, reports):
        first = await seen(reports, is_running)
        assert first.process is not None
        os.kill(first.process.pid, signal.SIGKILL)
        gone = await seen(reports, lambda report: report.state is ServiceState.RESTARTING)
        assert (gone.message, gone.restarts) == ("was ended by SIGKILL", 1)
        second = await seen(reports, is_running)
        assert second.process is not None
        assert second.process.pid != first.process.pid
        assert second.is_running
        assert not first.is_running


async def test_failing_service_backs_off(tmp_path: Path) -> None:
    """A service that cannot start is tried again, each time after a longer pause."""
    clock = asyncio.get_running_loop().time
    async with kept([sys.executable, "-c", "raise SystemExit(3)"], tmp_path, is_ready=lambda: False) as (_, reports):
        times = []
        for _ in range(3):
            report = await seen(reports, lambda report: report.state is ServiceState.RESTARTING)
            times.append(clock())
        assert report.message == "ended with exit code 3"
        assert times[1] - times[0] >= 0.5
        assert times[2] - times[1] >= 1.0


async def test_never_ready(tmp_path: Path) -> None:
    """A service that is not ready in time is ended and tried again."""
    async with kept(SLEEPER, tmp_path, is_ready=lambda: False, start_timeout_s=0.3) as (_, reports):
        report = await seen(reports, lambda report: report.state is ServiceState.RESTARTING)
        assert report.message == "was not ready in 0 s"


async def test_stubborn_service_is_killed(tmp_path: Path) -> None:
    """A service that ignores SIGTERM is killed when its grace is over."""
    log = tmp_path / "it.log"
    async with kept(STUBBORN, tmp_path, grace_s=0.2, is_ready=lambda: log.read_text() != "") as (keeper, reports):
        await seen(reports, is_running)
    assert keeper.process is not None
    assert keeper.process.returncode == -signal.SIGKILL
    assert keeper.service.state is ServiceState.STOPPED


async def test_work_after_the_start(tmp_path: Path) -> None:
    """What goes wrong right after a start is told; the service runs on."""

    async def fail() -> str:
        return "no models"

    async with kept(SLEEPER, tmp_path, after_start=fail) as (_, reports):
        report = await seen(reports, lambda report: bool(report.message))
        assert report.message == "no models"
        assert report.is_running


async def test_output_goes_to_a_private_log(tmp_path: Path) -> None:
    """What a service prints is kept in a file of its owner's alone."""
    log = tmp_path / "it.log"
    async with kept(STUBBORN, tmp_path, grace_s=0.1, is_ready=lambda: "1" in log.read_text()) as (_, reports):
        await seen(reports, is_running)
    assert log.stat().st_mode & 0o777 == 0o600
