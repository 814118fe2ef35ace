"""`fairlead apply`."""

from pathlib import Path
from typing import Annotated

import typer

from fairlead_cli import launch
from fairlead_cli.home import find_home
from fairlead_cli.render import open_console, progress_view
from fairlead_cli.waiting import wait_for_models
from fairlead_contract.manifest import load_path


def apply(
    *,
    manifests: Annotated[Path, typer.Option("-f", "--filename", metavar="FILE_OR_FOLDER", help="Manifests to apply.")],
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until the models answer.")] = True,
) -> None:
    """Add models to the running platform, or change them; the others go on undisturbed."""
    home, console = find_home(), open_console()
    result = launch.apply(home, load_path(manifests))
    for change in result.changes:
        console.print(f"{change.model} {change.effect}", highlight=False)
    if wait:
        with progress_view(console) as show:
            wait_for_models(home, {change.model for change in result.changes}, show)
