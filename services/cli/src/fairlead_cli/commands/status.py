"""`fairlead status`."""

import time
from typing import Annotated

import typer
from rich.live import Live

from fairlead_cli.home import find_home
from fairlead_cli.observed import observe
from fairlead_cli.render import open_console, status_json, status_view

WATCH_INTERVAL_S = 1.0


def status(
    *,
    watch: Annotated[bool, typer.Option("-w", "--watch", help="Look again every second until Ctrl-C.")] = False,
    wide: Annotated[bool, typer.Option("--wide", help="Show the ranks' pids and URLs too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> None:
    """Show the services and the models, as they are and not as they should be."""
    home, console = find_home(), open_console()
    if as_json:
        typer.echo(status_json(observe(home)))
    elif watch and console.is_terminal:
        with Live(console=console, auto_refresh=False) as live:
            while True:
                live.update(status_view(observe(home), wide=wide), refresh=True)
                time.sleep(WATCH_INTERVAL_S)
    else:
        console.print(status_view(observe(home), wide=wide))
        while watch:
            time.sleep(WATCH_INTERVAL_S)
            console.print(status_view(observe(home), wide=wide))
