"""platform.json: what runs, on which ports, as the supervisor last wrote it."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, ValidationError

from fairlead_cli.errors import PlatformNotRunning
from fairlead_cli.home import Home
from fairlead_cli.ports import LOOPBACK, Ports
from fairlead_cli.processes import ProcessId
from fairlead_contract.files import write_atomically


class ServiceState(StrEnum):
    """Where a service of the platform stands."""

    STARTING = "starting"
    RUNNING = "running"
    RESTARTING = "restarting"
    STOPPED = "stopped"


class Service(BaseModel):
    """One process that the supervisor keeps."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    state: ServiceState = ServiceState.STOPPED
    process: ProcessId | None = None
    restarts: int = 0
    message: str = ""

    @property
    def is_running(self) -> bool:
        """Return whether it was started and its process still lives, whatever the file says."""
        return self.state is ServiceState.RUNNING and self.process is not None and self.process.is_alive


class Platform(BaseModel):
    """A platform that was started."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    supervisor: ProcessId
    ports: Ports
    services: dict[str, Service] = {}

    @property
    def is_running(self) -> bool:
        """Return whether its supervisor lives: false after a reboot, even if the pid is someone else's now."""
        return self.supervisor.is_alive

    @property
    def address(self) -> str:
        return f"http://{LOOPBACK}:{self.ports.gateway}"

    @property
    def dashboard(self) -> str:
        return f"http://{LOOPBACK}:{self.ports.dashboard}"

    @property
    def metrics(self) -> str:
        return f"http://{LOOPBACK}:{self.ports.ray_metrics}/metrics"

    def is_up(self, service: str) -> bool:
        """Return whether a service runs now."""
        return service in self.services and self.services[service].is_running


def read_platform(home: Home) -> Platform | None:
    """Read platform.json, or None where nothing was started or what stands there is no longer readable."""
    try:
        return Platform.model_validate_json(home.platform.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def write_platform(home: Home, platform: Platform) -> None:
    """Replace platform.json."""
    write_atomically(home.platform, platform.model_dump_json(indent=2))


def running_platform(home: Home) -> Platform:
    """Return the platform that runs.

    Raises:
        PlatformNotRunning: None does.
    """
    platform = read_platform(home)
    if platform is None or not platform.is_running:
        raise PlatformNotRunning("the platform is not running; start it with: fairlead up -f FILE_OR_FOLDER")
    return platform
