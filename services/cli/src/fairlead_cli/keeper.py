"""Keeps one service running: starts it, waits until it is ready, and starts it again when it ends."""

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fairlead_cli.platform import Service, ServiceState
from fairlead_cli.processes import identify, send_signal
from fairlead_contract.files import PRIVATE_FILE

log = logging.getLogger(__name__)

READY_PAUSE_S = 0.1
FIRST_BACKOFF_S = 0.5
LONGEST_BACKOFF_S = 10.0
STABLE_AFTER_S = 30.0
"""A service that ran this long is started again at once and its back-off begins anew."""


async def nothing() -> str:
    """Do nothing, for services that need no work around their start."""
    return ""


@dataclass(frozen=True, slots=True)
class ServiceSpec:
    """How one service is started, and how it is known to be ready."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    is_ready: Callable[[], bool]
    """May block; called in a thread."""

    start_timeout_s: float = 60.0
    grace_s: float = 5.0
    """Seconds between SIGTERM and SIGKILL."""

    before_start: Callable[[], Awaitable[object]] = nothing
    after_start: Callable[[], Awaitable[str]] = nothing
    """Returns what went wrong, in one line, or nothing; the service runs on either way."""


@dataclass(slots=True)
class Keeper:
    """One service, kept."""

    spec: ServiceSpec
    report: Callable[[Service], None]
    """Called on each change."""

    process: asyncio.subprocess.Process | None = None
    service: Service = field(init=False)

    def __post_init__(self) -> None:
        self.service = Service(name=self.spec.name)

    async def run(self) -> None:
        """Start the service, again and again, until cancelled."""
        backoff_s = FIRST_BACKOFF_S
        while True:
            started = asyncio.get_running_loop().time()
            message = await self._run_once()
            if asyncio.get_running_loop().time() - started > STABLE_AFTER_S:
                backoff_s = FIRST_BACKOFF_S
            log.warning("%s %s; starting it again in %.1f s", self.spec.name, message, backoff_s)
            self._change(ServiceState.RESTARTING, message=message, restarts=self.service.restarts + 1)
            await asyncio.sleep(backoff_s)
            backoff_s = min(2 * backoff_s, LONGEST_BACKOFF_S)

    async def stop(self) -> None:
        """End the service: SIGTERM, and SIGKILL where that is not heeded in time."""
        if self.process is not None and self.process.returncode is None:
            send_signal(self.process.pid, signal.SIGTERM)
            try:
                await asyncio.wait_for(self.process.wait(), self.spec.grace_s)
            except TimeoutError:
                send_signal(self.process.pid, signal.SIGKILL)
                await self.process.wait()
        self._change(ServiceState.STOPPED)

    async def _run_once(self) -> str:
        """Start the service and wait for its end; return in words how it ended."""
        await self.spec.before_start()
        self.process = await self._spawn()
        self._change(ServiceState.STARTING, process=identify(self.process.pid))
        if not await self._until_ready(self.process):
            if self.process.returncode is not None:
                return _describe(self.process.returncode)
            await self.stop()
            return f"was not ready in {self.spec.start_timeout_s:.0f} s"
        self._change(ServiceState.RUNNING, message="")
        log.info("%s is ready", self.spec.name)
        if problem := await self.spec.after_start():
            log.error("%s: %s", self.spec.name, problem)
            self._change(ServiceState.RUNNING, message=problem)
        return _describe(await self.process.wait())

    async def _spawn(self) -> asyncio.subprocess.Process:
        self.spec.log.touch(mode=PRIVATE_FILE)
        with self.spec.log.open("ab") as output:
            return await asyncio.create_subprocess_exec(
                *self.spec.command,
                env=dict(self.spec.environment),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                # Not a session of its own: Linux shares processors among sessions before it looks at processes
                # (sched_autogroup), and an engine that uses all of its session's share would keep the gateway waiting.
                process_group=0,
            )

    async def _until_ready(self, process: asyncio.subprocess.Process) -> bool:
        deadline = asyncio.get_running_loop().time() + self.spec.start_timeout_s
        while process.returncode is None and asyncio.get_running_loop().time() < deadline:
            if await asyncio.to_thread(self.spec.is_ready):
                return True
            await asyncio.sleep(READY_PAUSE_S)
        return False

    def _change(self, state: ServiceState, **changes: object) -> None:
        self.service = self.service.model_copy(update={"state": state, **changes})
        self.report(self.service)


def _describe(returncode: int) -> str:
    if returncode < 0:
        return f"was ended by {signal.Signals(-returncode).name}"
    return f"ended with exit code {returncode}"
