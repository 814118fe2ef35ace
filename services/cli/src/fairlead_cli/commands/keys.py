"""`fairlead keys`."""

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from fairlead_cli import keys
from fairlead_cli.commands.token import SCOPE_HELP
from fairlead_cli.durations import parse_duration
from fairlead_cli.home import find_home
from fairlead_cli.tenants_file import DEFAULT_TENANT

KeyId = Annotated[str, typer.Argument(metavar="ID", help="Id of the key, from `fairlead keys list`.")]

app = typer.Typer(help="API keys: long-lived, revocable, shown once.", no_args_is_help=True)


@app.command("create")
def create(
    tenant: Annotated[str, typer.Option(help="Tenant of tenants.yaml that the key speaks for.")] = DEFAULT_TENANT,
    name: Annotated[str, typer.Option(help="What the key is for, in your words.")] = "",
    ttl: Annotated[
        str | None, typer.Option(help="How long it is valid, such as 90d; without it, until revoked.")
    ] = None,
    scope: Annotated[list[str] | None, typer.Option(help=SCOPE_HELP)] = None,
) -> None:
    """Make a key and print it alone on stdout. Only its hash is kept: it cannot be shown again."""
    lifetime = parse_duration(ttl) if ttl else None
    key, record = keys.create_key(
        find_home(), tenant, name=name, lifetime=lifetime, now=datetime.now(UTC), scopes=scope or ()
    )
    typer.echo(key)
    typer.echo(f"key {record.id} for tenant {tenant}: keep it now, it is not shown again", err=True)


@app.command("list")
def list_keys() -> None:
    """List all keys, without their secrets."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in ("ID", "TENANT", "NAME", "SCOPES", "CREATED", "EXPIRES", "REVOKED"):
        table.add_column(column, no_wrap=column not in {"NAME", "SCOPES"})
    for record in keys.read_keys(find_home()).keys:
        times = (record.created_at, record.expires_at, record.revoked_at)
        scopes = " ".join(record.scopes) or "-"
        table.add_row(record.id, record.tenant, record.name, scopes, *(_render(time) for time in times))
    Console().print(table)


@app.command("rotate")
def rotate(
    key_id: KeyId,
    grace: Annotated[str, typer.Option(help="How long the old key stays good: 90s, 30m, 24h, 7d.")] = "24h",
    ttl: Annotated[
        str | None, typer.Option(help="How long the new one is valid; without it, as long as the old one was to be.")
    ] = None,
) -> None:
    """Replace a key by a new one with the same id and rights, and print that alone on stdout."""
    lifetime = parse_duration(ttl) if ttl else None
    key, record = keys.rotate_key(
        find_home(), key_id, grace=parse_duration(grace), lifetime=lifetime, now=datetime.now(UTC)
    )
    typer.echo(key)
    until = _render(record.retired[-1].expires_at)
    typer.echo(f"key {key_id} rotated: keep it now, it is not shown again; the old one is good until {until}", err=True)


@app.command("revoke")
def revoke(key_id: KeyId) -> None:
    """Revoke a key; it opens nothing within a second."""
    keys.revoke_key(find_home(), key_id, now=datetime.now(UTC))
    typer.echo(f"key {key_id} revoked", err=True)


def _render(time: datetime | None) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%d %H:%M") if time else "-"
