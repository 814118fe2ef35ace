"""One look at everything that runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fairlead_cli.applied import Applied, read_applied
from fairlead_cli.deploy import serve_api
from fairlead_cli.facts import scrape_facts
from fairlead_cli.home import Home
from fairlead_cli.platform import Platform, read_platform
from fairlead_cli.processes import platform_processes
from fairlead_cli.services import RAY
from fairlead_contract.errors import FairleadError
from fairlead_contract.replica_facts import ReplicaFacts


@dataclass(frozen=True, slots=True)
class Observed:
    """What was seen, with None for what did not answer."""

    applied: tuple[Applied, ...]
    platform: Platform | None
    """None where no supervisor lives."""

    serve: Mapping[str, Any] | None = None
    """Serve's details, as its REST interface gives them."""

    facts: Mapping[str, tuple[ReplicaFacts, ...]] = field(default_factory=dict)
    orphans: int = 0
    """Processes that a supervisor left behind that was killed."""


def observe(home: Home) -> Observed:
    """Look at the applied manifests, the processes, Ray Serve and what the replicas say.

    Raises:
        ManifestError: A file among the applied manifests was edited into something else.
    """
    applied = tuple(read_applied(home))
    platform = read_platform(home)
    if platform is None or not platform.is_running:
        supervisor = platform.supervisor if platform else None
        return Observed(applied, None, orphans=len(platform_processes(home.root, supervisor)))
    if not platform.is_up(RAY):
        return Observed(applied, platform)
    try:
        serve = serve_api(home, platform).status()
    except FairleadError:
        return Observed(applied, platform)
    return Observed(applied, platform, serve, scrape_facts(platform.metrics))
