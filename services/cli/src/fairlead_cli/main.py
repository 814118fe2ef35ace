"""The `fairlead` command: which commands there are, and how errors look."""

import os
import sys
import traceback
from typing import Annotated

import typer

from fairlead_cli import __version__
from fairlead_cli.commands import apply, chat, delete, down, keys, logs, status, token, up, usage
from fairlead_contract.errors import FairleadError

app = typer.Typer(
    name="fairlead",
    help="Serve open models behind one authenticated API, on this machine. The same manifests run in a cluster.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.command("up")(up.up)
app.command("down")(down.down)
app.command("apply")(apply.apply)
app.command("delete")(delete.delete)
app.command("status")(status.status)
app.command("token")(token.token)
app.command("usage")(usage.usage)
app.command("chat")(chat.chat)
app.command("logs")(logs.logs)
app.add_typer(keys.app, name="keys")


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - typer's callback
    if wanted:
        typer.echo(f"fairlead {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Take the options that stand before any command."""


INTERRUPTED = 130


def run() -> None:
    """Run the command line; errors become one line each on stderr, and exit code 1."""
    try:
        app()
    except FairleadError as error:
        _fail(error.message)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except Exception as error:  # noqa: BLE001 - whatever it is, a person gets a sentence, not a traceback
        if os.environ.get("FAIRLEAD_DEBUG"):
            traceback.print_exc()
        _fail(f"{type(error).__name__}: {error} (set FAIRLEAD_DEBUG=1 to see where)")


def _fail(message: str) -> None:
    for line in message.splitlines() or ["failed"]:
        typer.echo(f"error: {line}", err=True)
    sys.exit(1)
