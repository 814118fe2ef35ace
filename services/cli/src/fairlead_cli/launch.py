"""What `up`, `apply` and `delete` do, apart from how it looks."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from fairlead_cli.applied import read_applied, remove_applied, write_applied
from fairlead_cli.changes import Change, plan_changes
from fairlead_cli.claims import check_names
from fairlead_cli.deploy import deploy
from fairlead_cli.errors import PreflightFailed, RayUnreachable
from fairlead_cli.home import Home
from fairlead_cli.platform import Platform, read_platform, running_platform
from fairlead_cli.preflight import check_machine, check_models, check_port
from fairlead_cli.services import RAY
from fairlead_cli.settings import Settings
from fairlead_cli.startup import end_platform, ensure_supervisor, wait_for_services
from fairlead_contract.files import locked
from fairlead_contract.manifest import load_path
from fairlead_contract.modeldeployment import ModelDeployment

SERVICES_TIMEOUT_S = 180.0


@dataclass(frozen=True, slots=True)
class Launch:
    """What a command brought about."""

    platform: Platform
    changes: list[Change]
    started: bool
    """Whether the platform was down before."""


def bring_up(home: Home, manifests: Path | None, *, port: int | None, announce: Callable[[str], None]) -> Launch:
    """Start the platform with the manifests, or apply them to one that runs already.

    A platform that was down serves exactly what the manifests say, or, without any, what was applied last.

    Args:
        home: The state folder.
        manifests: A file or folder, or None.
        port: Where the gateway shall listen; None for the settings' choice.
        announce: Called with a sentence before anything takes long.

    Raises:
        FairleadError: A manifest, the machine or a service is at fault; what was started has been ended again.
    """
    wanted = load_path(manifests) if manifests else [entry.deployment for entry in read_applied(home)]
    if not wanted:
        raise PreflightFailed("no model was applied before; name a manifest: fairlead up -f FILE_OR_FOLDER")
    platform = read_platform(home)
    if platform is not None and platform.is_running:
        check_same_port(platform, port)
        announce(f"The platform runs already at {platform.address}; applying the manifests ...")
        wait_for_services(home, SERVICES_TIMEOUT_S)
        return apply(home, wanted)
    end_platform(home)
    chosen = port or Settings().port
    _check(home, wanted, chosen)
    changes = plan_changes(wanted, [entry.deployment for entry in read_applied(home)])
    if manifests:
        with locked(home.lock):
            _replace_applied(home, wanted)
    announce("Starting Valkey, Ray and the gateway ...")
    try:
        started = ensure_supervisor(home, port=chosen)
        return Launch(wait_for_services(home, SERVICES_TIMEOUT_S), changes, started)
    except BaseException:  # an interrupt, too, must leave nothing half started
        end_platform(home)
        raise


def _check(home: Home, wanted: Sequence[ModelDeployment], port: int) -> None:
    check_names(wanted)
    check_machine(home)
    check_models(home, wanted)
    check_port(port)


def apply(home: Home, wanted: Sequence[ModelDeployment]) -> Launch:
    """Add or change models on the running platform; the others are left alone.

    Raises:
        PlatformNotRunning: It is down.
        NameTaken: A served name or alias belongs to another model.
        FairleadError: This machine cannot run a model, or Ray Serve refuses it.
    """
    platform = running_platform(home)
    with locked(home.lock):
        before = [entry.deployment for entry in read_applied(home)]
        check_names(wanted, before)
        others = [deployment for deployment in before if deployment.name not in {one.name for one in wanted}]
        check_models(home, [*others, *wanted])
        write_applied(home, wanted, now=int(time.time()))
        _deploy(home, platform)
    return Launch(platform, plan_changes(wanted, before), started=False)


def delete(home: Home, name: str) -> bool:
    """Take a model out of force; on a running platform its replicas drain.

    Returns:
        Whether there is a platform on which to wait for that.

    Raises:
        UnknownName: No such model is applied.
    """
    platform = read_platform(home)
    running = platform is not None and platform.is_running
    with locked(home.lock):
        remove_applied(home, name)
        if platform is not None and running:
            _deploy(home, platform)
    return running


def check_same_port(platform: Platform, port: int | None) -> None:
    """Check that a running platform is where the command wants it.

    Raises:
        PreflightFailed: It listens elsewhere.
    """
    if port is not None and port != platform.ports.gateway:
        raise PreflightFailed(
            f"the platform runs already, on port {platform.ports.gateway}; to move it: fairlead down, then up again"
        )


def _replace_applied(home: Home, wanted: Sequence[ModelDeployment]) -> None:
    kept = {deployment.name for deployment in wanted}
    for entry in read_applied(home):
        if entry.name not in kept:
            remove_applied(home, entry.name)
    write_applied(home, wanted, now=int(time.time()))


def _deploy(home: Home, platform: Platform) -> None:
    """Tell a running platform; while Ray is being started again, its supervisor will tell it."""
    try:
        deploy(home, platform, longest_stream_s=Settings().longest_stream_s)
    except RayUnreachable:
        if platform.is_up(RAY):
            raise
