"""`fairlead token`."""

from typing import Annotated

import typer

from fairlead_cli.credentials import mint_token
from fairlead_cli.durations import parse_duration
from fairlead_cli.home import find_home
from fairlead_cli.tenants_file import DEFAULT_TENANT


def token(
    tenant: Annotated[str, typer.Option(help="Tenant of tenants.yaml that the token speaks for.")] = DEFAULT_TENANT,
    *,
    admin: Annotated[bool, typer.Option("--admin", help="Let it see the use of every tenant.")] = False,
    ttl: Annotated[str, typer.Option(help="How long it is valid: 90s, 30m, 24h, 7d.")] = "24h",
) -> None:
    """Print a bearer token for the API, and nothing else."""
    typer.echo(mint_token(find_home(), tenant, parse_duration(ttl), admin=admin))
