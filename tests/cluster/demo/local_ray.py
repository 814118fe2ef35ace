"""One Ray on this machine, in the place of all the clusters that KubeRay would make of pods."""

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
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
    process: subprocess.Popen[bytes]

    @property
    def api(self) -> ServeApi:
        return _api(self.home, self.ports)

    def put(self, applications: Sequence[Mapping[str, Any]]) -> None:
        """Make the given applications the whole set."""
        self.api.put(applications, port=self.ports.serve)

    def applications(self) -> Mapping[str, Json]:
        """Return what Serve says of each application."""
        found: Mapping[str, Json] = self.api.status().get("applications", {})
        return found


@contextmanager
def running_ray(home: Home, ports: Ports, longest_stream_s: int) -> Iterator[LocalRay]:
    """Run a Ray as `fairlead up` runs its own."""
    head = RayHead(home, ports, longest_stream_s)
    environment, log = head.environment(plain_environment()), home.logs / "ray.log"
    answers = partial(_answers, _api(home, ports))
    with running_program(head.command, environment=environment, log=log, is_ready=answers) as process:
        yield LocalRay(home, ports, process)


def _api(home: Home, ports: Ports) -> ServeApi:
    return ServeApi(f"http://{LOOPBACK}:{ports.dashboard}", home.ray_token.read_text())


def _answers(api: ServeApi) -> bool:
    """Return whether Serve can be told what to run."""
    try:
        api.status()
    except FairleadError:
        return False
    return True
