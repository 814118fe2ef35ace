"""`fairlead keys`."""

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from fairlead_cli import keys
from fairlead_cli.durations import parse_duration
from fairlead_cli.home import find_home
from fairlead_cli.tenants_file import DEFAULT_TENANT

app = typer.Typer(help="API keys: long-lived, revocable, shown once.", no_args_is_help=True)


@app.command("create")
def create(
    tenant: Annotated[str, typer.Option(help="Tenant of tenants.yaml that the key speaks for.")] = DEFAULT_TENANT,
    name: Annotated[str, typer.Option(help="What the key is for, in your words.")] = "",
    ttl: Annotated[
        str | None, typer.Option(help="How long it is valid, such as 90d; without it, until revoked.")
    ] = None,
) -> None:
    """Make a key and print it alone on stdout. Only its hash is kept: it cannot be shown again."""
    lifetime = parse_duration(ttl) if ttl else None
    key, record = keys.create_key(find_home(), tenant, name=name, lifetime=lifetime, now=datetime.now(UTC))
    typer.echo(key)
    typer.echo(f"key {record.id} for tenant {tenant}: keep it now, it is not shown again", err=True)


@app.command("list")
def list_keys() -> None:
    """List all keys, without their secrets."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in ("ID", "TENANT", "NAME", "CREATED", "EXPIRES", "REVOKED"):
        table.add_column(column, no_wrap=column != "NAME")
    for record in keys.read_keys(find_home()).keys:
        times = (record.created_at, record.expires_at, record.revoked_at)
        table.add_row(record.id, record.tenant, record.name, *(_render(time) for time in times))
    Console().print(table)


@app.command("revoke")
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="Id of the key, from `fairlead keys list`.")],
) -> None:
    """Revoke a key; it opens nothing within a second."""
    keys.revoke_key(find_home(), key_id, now=datetime.now(UTC))
    typer.echo(f"key {key_id} revoked", err=True)


def _render(time: datetime | None) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%d %H:%M") if time else "-"
