"""`fairlead up`."""

import signal
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.live import Live

from fairlead_cli.errors import ModelsFailed
from fairlead_cli.home import Home, find_home
from fairlead_cli.launch import Launch, bring_up
from fairlead_cli.observed import observe
from fairlead_cli.render import open_console, progress_view, status_view
from fairlead_cli.startup import end_platform
from fairlead_cli.status import ModelStatus
from fairlead_cli.waiting import wait_for_models
from fairlead_cli.welcome import welcome

WATCH_INTERVAL_S = 2.0


def up(
    *,
    manifests: Annotated[
        Path | None,
        typer.Option(
            "-f", "--filename", metavar="FILE_OR_FOLDER", help="Manifests to serve; without it, what was applied last."
        ),
    ] = None,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Return once every model answers.")] = False,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Port of the gateway on 127.0.0.1.", envvar="FAIRLEAD_PORT")
    ] = None,
) -> None:
    """Start the platform and its models, and wait until they answer.

    Starts Valkey, Ray and the gateway on this machine, then the models of the manifests. A platform that runs
    already is left as it is and gets the manifests as with `fairlead apply`. Without --detach the command stays, shows
    the status, and takes everything down on Ctrl-C.

    A secretKeyRef in a manifest is read from the file FAIRLEAD_HOME/secrets/NAME/KEY (FAIRLEAD_HOME is ~/.fairlead
    unless set).
    """
    home, console = find_home(), open_console()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    with console.status("") as spinner:

        def announce(text: str) -> None:
            spinner.update(text)
            if not console.is_terminal:
                console.print(text, highlight=False)

        launch = bring_up(home, manifests, port=port, announce=announce)
    owned = launch.started and not detach
    try:
        rows = _wait(home, launch, console)
        console.print()
        console.print(welcome(launch.platform, rows, attached=owned), markup=False, highlight=False, soft_wrap=True)
        if owned:
            _stay(home, console)
    except KeyboardInterrupt:
        if launch.started:
            with console.status("Taking everything down ..."):
                end_platform(home)
            console.print("Down.")
        if not owned:
            raise


def _wait(home: Home, launch: Launch, console: Console) -> list[ModelStatus]:
    names = {change.model for change in launch.changes}
    try:
        with progress_view(console) as show:
            return wait_for_models(home, names, show)
    except ModelsFailed:
        console.print(
            "The platform and the other models stay up. `fairlead logs MODEL` tells more, `fairlead apply` takes a "
            "corrected manifest, `fairlead down` ends everything.",
            highlight=False,
        )
        raise


def _stay(home: Home, console: Console) -> None:
    """Show the status until the platform goes down or the person leaves."""
    console.print()
    if not console.is_terminal:
        while observe(home).platform is not None:
            time.sleep(WATCH_INTERVAL_S)
        return
    with Live(console=console, auto_refresh=False) as live:
        while (observed := observe(home)).platform is not None:
            live.update(status_view(observed, wide=False), refresh=True)
            time.sleep(WATCH_INTERVAL_S)
