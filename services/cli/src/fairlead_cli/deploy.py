"""Brings the applied manifests into force: what Ray Serve runs and what the gateway routes by."""

from fairlead_cli.applied import Applied, read_applied
from fairlead_cli.credentials import write_hop_secret
from fairlead_cli.home import Home
from fairlead_cli.platform import Platform
from fairlead_cli.routes import route_table, write_routes
from fairlead_cli.serve_api import ServeApi
from fairlead_contract.serve_config import RuntimeProfile, serve_application


def deploy(home: Home, platform: Platform, *, longest_stream_s: int) -> None:
    """Tell Ray Serve and the gateway of all applied manifests; call it with the home's lock held.

    A PUT replaces the whole set of applications, so it always carries all of them; Serve leaves alone those that did
    not change. The gateway learns of a new model before Serve does, and of a deleted one before it stops.

    Raises:
        RayUnreachable: The dashboard does not answer.
        ServeRefused: Serve does not take the applications.
    """
    applied = read_applied(home)
    write_routes(home, route_table(applied, serve_port=platform.ports.serve))
    running = [entry for entry in applied if not entry.deployment.spec.suspend]
    for entry in running:
        write_hop_secret(home, entry.name)
    profile = RuntimeProfile(
        hop_secrets_folder=str(home.hop_folder), secrets_folder=str(home.secrets), longest_stream_s=longest_stream_s
    )
    applications = [serve_application(entry.deployment, profile=profile) for entry in running]
    serve_api(home, platform).put(applications, port=platform.ports.serve)
    _forget_hop_secrets(home, applied)


def serve_api(home: Home, platform: Platform) -> ServeApi:
    """Return the REST interface of the platform's Ray."""
    return ServeApi(platform.dashboard, home.ray_token.read_text())


def _forget_hop_secrets(home: Home, applied: list[Applied]) -> None:
    """Remove the files of models that are gone; their replicas read them once, at their start."""
    names = {entry.name for entry in applied}
    for path in home.hop_folder.iterdir():
        if path.name not in names:
            path.unlink(missing_ok=True)
