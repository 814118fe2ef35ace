"""`fairlead delete`."""

from typing import Annotated

import typer

from fairlead_cli import launch
from fairlead_cli.home import find_home
from fairlead_cli.render import open_console, progress_view
from fairlead_cli.waiting import wait_until_gone


def delete(
    name: Annotated[str, typer.Argument(help="metadata.name of the model.")],
    *,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until its streams have ended.")] = True,
) -> None:
    """Remove a model: new requests are refused at once, streams that run may end."""
    home, console = find_home(), open_console()
    if launch.delete(home, name) and wait:
        with progress_view(console) as show:
            wait_until_gone(home, name, show)
    console.print(f"{name} deleted", highlight=False)
