"""One Ray on this machine, in the place of all the clusters that KubeRay would make of pods."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from fairlead_cli.home import Home
from fairlead_cli.ports import LOOPBACK, Ports
from fairlead_cli.ray_head import RayHead
from fairlead_cli.serve_api import ServeApi
from fairlead_contract.errors import FairleadError
from tests.cluster.demo.programs import plain_environment, running_program

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class LocalRay:
    """A Ray that runs, and Serve on it."""

    home: Home
    ports: Ports

    @property
    def api(self) -> ServeApi:
        return ServeApi(f"http://{LOOPBACK}:{self.ports.dashboard}", self.home.ray_token.read_text())

    def put(self, applications: Sequence[Mapping[str, Any]]) -> None:
        """Make the given applications the whole set."""
        self.api.put(applications, port=self.ports.serve)

    def applications(self) -> Mapping[str, Json]:
        """Return what Serve says of each application."""
        found: Mapping[str, Json] = self.api.status().get("applications", {})
        return found

    def answers(self) -> bool:
        """Return whether Serve can be told what to run."""
        try:
            self.api.status()
        except FairleadError:
            return False
        return True


@contextmanager
def running_ray(home: Home, ports: Ports, longest_stream_s: int) -> Iterator[LocalRay]:
    """Run a Ray as `fairlead up` runs its own."""
    head = RayHead(home, ports, longest_stream_s)
    ray = LocalRay(home, ports)
    environment = head.environment(plain_environment())
    with running_program(head.command, environment=environment, log=home.logs / "ray.log", is_ready=ray.answers):
        yield ray
