"""`fairlead usage`."""

import json
from datetime import timedelta
from typing import Annotated

import typer

from fairlead_cli.credentials import mint_token
from fairlead_cli.home import find_home
from fairlead_cli.keys import key_store
from fairlead_cli.platform import running_platform
from fairlead_cli.render import open_console
from fairlead_cli.tenants_file import DEFAULT_TENANT
from fairlead_cli.usage import ALL_TENANTS, By, read_usage, usage_view

TOKEN_LIFETIME = timedelta(minutes=5)


def usage(
    *,
    by: Annotated[By, typer.Option(help="What to sum by.")] = By.DAY,
    days: Annotated[int, typer.Option(min=1, help="How many days of UTC, the last of which is today.")] = 7,
    tenant: Annotated[str, typer.Option(help="Whose use.")] = DEFAULT_TENANT,
    everybody: Annotated[bool, typer.Option("--all", help="Every tenant's, each on rows of its own.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines, as GET /v1/usage answers.")] = False,
) -> None:
    """Show what was used and what it cost, today and on the days before."""
    home = find_home()
    address = running_platform(home).address
    token = mint_token(home, tenant, TOKEN_LIFETIME, admin=everybody)
    report = read_usage(address, token, by=by, days=days, tenant=ALL_TENANTS if everybody else tenant)
    if as_json:
        typer.echo(json.dumps(report, indent=2))
        return
    names = {record.id: record.name for record in key_store(home).read().keys} if by is By.KEY else {}
    open_console().print(usage_view(report, names))
