"""`fairlead keys`."""

from datetime import UTC, datetime
from typing import Annotated, TypeVar

import typer
from pydantic import BaseModel, ValidationError
from rich.table import Table

from fairlead_cli.commands.token import SCOPE_HELP
from fairlead_cli.credentials import require_tenant
from fairlead_cli.durations import parse_duration
from fairlead_cli.home import find_home
from fairlead_cli.keys import key_register, key_store
from fairlead_cli.render import open_console
from fairlead_cli.tenants_file import DEFAULT_TENANT
from fairlead_contract.api_keys import KeyRecord, KeyWanted, LimitsWanted
from fairlead_contract.errors import InvalidValue
from fairlead_contract.mistakes import mistakes_of

KeyId = Annotated[str, typer.Argument(metavar="ID", help="Id of the key, from `fairlead keys list`.")]
RequestsPerMinute = Annotated[int | None, typer.Option(help="Limit of this key, besides its tenant's.")]
TokensPerMinute = Annotated[int | None, typer.Option(help="Likewise, of prompt and answer together.")]
ParallelRequests = Annotated[int | None, typer.Option(help="Requests that run at the same time.")]
TokensPerDay = Annotated[int | None, typer.Option(help="Hard quota of a day of UTC.")]
CostPerDay = Annotated[float | None, typer.Option(help="Likewise, in the currency of the prices.")]

Wanted = TypeVar("Wanted", bound=BaseModel)

app = typer.Typer(help="API keys: long-lived, revocable, shown once.", no_args_is_help=True)


@app.command("create")
def create(
    *,
    tenant: Annotated[str, typer.Option(help="Tenant of tenants.yaml that the key speaks for.")] = DEFAULT_TENANT,
    name: Annotated[str, typer.Option(help="What the key is for, in your words.")] = "",
    ttl: Annotated[
        str | None, typer.Option(help="How long it is valid, such as 90d; without it, until revoked.")
    ] = None,
    scope: Annotated[list[str] | None, typer.Option(help=SCOPE_HELP)] = None,
    requests_per_minute: RequestsPerMinute = None,
    tokens_per_minute: TokensPerMinute = None,
    parallel_requests: ParallelRequests = None,
    tokens_per_day: TokensPerDay = None,
    cost_per_day: CostPerDay = None,
) -> None:
    """Make a key and print it alone on stdout. Only its hash is kept: it cannot be shown again."""
    home = find_home()
    limits = {
        "requests_per_minute": requests_per_minute,
        "tokens_per_minute": tokens_per_minute,
        "parallel_requests": parallel_requests,
        "tokens_per_day": tokens_per_day,
        "cost_per_day": cost_per_day,
    }
    ttl_seconds = int(parse_duration(ttl).total_seconds()) if ttl else None
    wanted = {"tenant": tenant, "name": name, "ttl_seconds": ttl_seconds, "scopes": tuple(scope or ())}
    require_tenant(home, tenant)
    asked = _checked(KeyWanted, wanted | {"limits": limits})
    key, record = key_register(home).create(asked, now=datetime.now(UTC))
    typer.echo(key)
    typer.echo(f"key {record.id} for tenant {tenant}: keep it now, it is not shown again", err=True)


@app.command("list")
def list_keys() -> None:
    """List all keys, without their secrets."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in ("ID", "TENANT", "NAME", "SCOPES", "LIMITS", "CREATED", "EXPIRES", "REVOKED"):
        table.add_column(column, no_wrap=column not in {"NAME", "SCOPES", "LIMITS"}, overflow="fold")
    for record in key_store(find_home()).read().keys:
        times = (record.created_at, record.expires_at, record.revoked_at)
        scopes = "\n".join(record.scopes) or "-"
        table.add_row(
            record.id, record.tenant, record.name, scopes, _limits(record), *(_render(time) for time in times)
        )
    open_console().print(table)


@app.command("rotate")
def rotate(
    key_id: KeyId,
    grace: Annotated[
        str, typer.Option(help="How long the old key stays good: 90s, 30m, 24h, 7d; 0s not at all.")
    ] = "24h",
    ttl: Annotated[
        str | None, typer.Option(help="How long the new one is valid; without it, as long as the old one was to be.")
    ] = None,
) -> None:
    """Replace a key by a new one with the same id and rights, and print that alone on stdout."""
    lifetime = parse_duration(ttl) if ttl else None
    key, record = key_register(find_home()).rotate(
        key_id, grace=parse_duration(grace, or_none=True), lifetime=lifetime, now=datetime.now(UTC)
    )
    typer.echo(key)
    old = f"is good until {_render(record.retired[-1].expires_at)}" if record.retired else "opens nothing any more"
    typer.echo(f"key {key_id} rotated: keep it now, it is not shown again; the old one {old}", err=True)


@app.command("limit")
def limit(
    key_id: KeyId,
    *,
    requests_per_minute: RequestsPerMinute = None,
    tokens_per_minute: TokensPerMinute = None,
    parallel_requests: ParallelRequests = None,
    tokens_per_day: TokensPerDay = None,
    cost_per_day: CostPerDay = None,
) -> None:
    """Replace all of a key's own limits by these; without any, its tenant's alone hold. In force within a second."""
    limits = {
        "requests_per_minute": requests_per_minute,
        "tokens_per_minute": tokens_per_minute,
        "parallel_requests": parallel_requests,
        "tokens_per_day": tokens_per_day,
        "cost_per_day": cost_per_day,
    }
    record = key_register(find_home()).limit(key_id, _checked(LimitsWanted, {"limits": limits}).limits)
    typer.echo(f"key {key_id} limited: {_limits(record)}".replace("\n", ", "), err=True)


@app.command("revoke")
def revoke(key_id: KeyId) -> None:
    """Revoke a key; it opens nothing within a second."""
    key_register(find_home()).revoke(key_id, now=datetime.now(UTC))
    typer.echo(f"key {key_id} revoked", err=True)


def _checked(form: type[Wanted], given: dict[str, object]) -> Wanted:
    """Return what is asked for.

    Raises:
        InvalidValue: One line per value that cannot be.
    """
    try:
        return form.model_validate(given)
    except ValidationError as error:
        raise InvalidValue("\n".join(str(mistake) for mistake in mistakes_of(error, form))) from None


def _limits(record: KeyRecord) -> str:
    set_ones = record.limits.model_dump(by_alias=True, exclude_none=True)
    return "\n".join(f"{name}: {limit}" for name, limit in set_ones.items()) or "-"


def _render(time: datetime | None) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%d %H:%M") if time else "-"
