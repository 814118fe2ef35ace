"""`fairlead token`."""

from typing import Annotated

import typer

from fairlead_cli.credentials import mint_token
from fairlead_cli.durations import parse_duration
from fairlead_cli.home import find_home
from fairlead_cli.tenants_file import DEFAULT_TENANT

SCOPE_HELP = "Narrow what it may be used for: models:NAME or routes:NAME; repeat it for more."


def token(
    tenant: Annotated[str, typer.Option(help="Tenant of tenants.yaml that the token speaks for.")] = DEFAULT_TENANT,
    *,
    admin: Annotated[
        bool, typer.Option("--admin", help="Let it see the use of every tenant, and administer API keys.")
    ] = False,
    ttl: Annotated[str, typer.Option(help="How long it is valid: 90s, 30m, 24h, 7d.")] = "24h",
    scope: Annotated[list[str] | None, typer.Option(help=SCOPE_HELP)] = None,
) -> None:
    """Print a bearer token for the API, and nothing else."""
    typer.echo(mint_token(find_home(), tenant, parse_duration(ttl), scope or (), admin=admin))
