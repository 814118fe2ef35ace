"""What was used, as the gateway's ledger tells it, and how a person reads it."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from fairlead_cli.gateway_client import get

ALL_TENANTS = "*"


class By(StrEnum):
    """What use is summed by."""

    DAY = "day"
    MODEL = "model"
    KEY = "key"


def read_usage(address: str, token: str, *, by: By, days: int, tenant: str) -> dict[str, Any]:
    """Return the gateway's report on some UTC days, the last of which is today.

    Args:
        address: The gateway's.
        token: Of the tenant, or an admin's.
        by: What to sum by.
        days: How many days.
        tenant: Whose use, or `*` for everybody's.

    Raises:
        PlatformNotRunning: The gateway does not answer.
        InvalidRequest: It refuses, in its own words.
    """
    today = datetime.now(UTC).date()
    query = {
        "by": by,
        "from": (today - timedelta(days=days - 1)).isoformat(),
        "to": today.isoformat(),
        "tenant": tenant,
    }
    report: dict[str, Any] = get(address, "/v1/usage", token, query)
    return report


def usage_view(report: Mapping[str, Any], key_names: Mapping[str, str]) -> RenderableType:
    """Return a report as a person reads it: a row for each day, model or key, and the total.

    Args:
        report: The gateway's.
        key_names: What keys are for, by their ids.
    """
    period = Text(f"{report['first_day']} to {report['last_day']} (UTC), tenant {report['tenant'] or 'any'}", "dim")
    if not report["data"]:
        return Group(period, Text("nothing was used"))
    by, everybody = By(report["by"]), report["tenant"] is None
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0), show_footer=True)
    if everybody:
        table.add_column("TENANT", footer="total", overflow="fold")
    table.add_column(by.upper(), footer="" if everybody else "total", overflow="fold")
    for name, amount in zip(_COLUMNS, _amounts(report["total"]), strict=True):
        table.add_column(name, footer=amount, justify="right", no_wrap=True)
    for row in report["data"]:
        cells = [_label(by, row[by], key_names), *_amounts(row)]
        table.add_row(*([row["tenant"]] if everybody else []), *cells)
    return Group(period, table, *_unpriced(report["total"]["unpriced_requests"]))


_COLUMNS = ("REQUESTS", "ERRORS", "CACHED", "INPUT TOKENS", "OUTPUT TOKENS", "COST")
_NAMELESS = {By.MODEL: "(no model)", By.KEY: "(token)", By.DAY: "-"}


def _label(by: By, value: str | None, key_names: Mapping[str, str]) -> str:
    if value is None:
        return _NAMELESS[by]
    name = key_names.get(value) if by is By.KEY else None
    return f"{value} {name}" if name else value


def _amounts(sums: Mapping[str, Any]) -> list[str]:
    counts = ("requests", "errors", "cached_answers", "input_tokens", "output_tokens")
    return [*(f"{sums[name]:,}" for name in counts), _cost(sums["cost"])]


def _cost(cost: str | None) -> str:
    """Return an amount to the billionth, without zeros at its end beyond the second decimal."""
    if cost is None:
        return "-"
    whole, _, decimals = f"{Decimal(cost):,f}".partition(".")
    return f"{whole}.{decimals.rstrip('0'):0<2}"


def _unpriced(requests: int) -> list[Text]:
    if not requests:
        return []
    return [Text(f"{requests:,} of them used a model without a price: see prices in tenants.yaml", "yellow")]
