"""`fairlead logs`."""

from typing import Annotated

import typer

from fairlead_cli.home import find_home
from fairlead_cli.logs import follow, last_lines, log_files


def logs(
    name: Annotated[
        str | None, typer.Argument(help="gateway, valkey, ray, supervisor or a model; without it, all services.")
    ] = None,
    *,
    following: Annotated[bool, typer.Option("-f", "--follow", help="Show what is added, until Ctrl-C.")] = False,
    lines: Annotated[int, typer.Option("-n", "--lines", min=0, help="How many last lines of each log.")] = 100,
) -> None:
    """Show what a service or a model's replicas wrote."""
    paths = log_files(find_home(), name)
    for path in paths:
        if len(paths) > 1:
            typer.echo(f"==> {path.name} <==")
        for line in last_lines(path, lines):
            typer.echo(line)
    if following:
        for path, line in follow(paths):
            typer.echo(f"{path.stem}: {line}" if len(paths) > 1 else line)
