"""`fairlead down`."""

import typer

from fairlead_cli.home import find_home
from fairlead_cli.startup import end_platform


def down() -> None:
    """Take the platform down: every process of it, whatever state it is in.

    Manifests, keys, tenants and logs stay; `fairlead up` brings the same models back. Other Rays on this machine are
    not touched.
    """
    count = end_platform(find_home())
    typer.echo(f"Down: {count} processes ended." if count else "The platform was not running.")
