"""What was used: what the gateway is asked, and how its report is shown."""

import io
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from rich.console import Console

from fairlead_cli.errors import PlatformNotRunning
from fairlead_cli.usage import By, read_usage, usage_view
from fairlead_contract.errors import InvalidRequest
from tests.cli.conftest import answering


def amounts(**changes: Any) -> dict[str, Any]:
    return {
        "requests": 1200,
        "errors": 2,
        "cached_answers": 15,
        "input_tokens": 8400,
        "cached_input_tokens": 2100,
        "output_tokens": 3600,
        "unpriced_requests": 0,
        "cost": "0.002175000",
        **changes,
    }


def report(*rows: dict[str, Any], by: str = "day", tenant: str | None = "local", **total: Any) -> dict[str, Any]:
    names = dict.fromkeys(("day", "model", "key"))
    return {
        "object": "usage",
        "first_day": "2026-11-15",
        "last_day": "2026-11-21",
        "by": by,
        "tenant": tenant,
        "data": [{"tenant": "local", **names, **amounts(), **row} for row in rows],
        "total": amounts(**total),
    }


def shown(seen: dict[str, Any], **key_names: str) -> list[str]:
    console = Console(width=120, file=io.StringIO(), force_terminal=False)
    with console.capture() as capture:
        console.print(usage_view(seen, key_names))
    return [line.rstrip() for line in capture.get().splitlines()]


def test_a_row_for_each_day() -> None:
    """Days stand one below the other with their numbers, and the total at the foot."""
    lines = shown(report({"day": "2026-11-20", "requests": 200}, {"day": "2026-11-21", "requests": 1000}))
    assert lines[0] == "2026-11-15 to 2026-11-21 (UTC), tenant local"
    assert lines[1].split() == ["DAY", "REQUESTS", "ERRORS", "CACHED", "INPUT", "TOKENS", "OUTPUT", "TOKENS", "COST"]
    assert lines[2].split() == ["2026-11-20", "200", "2", "15", "8,400", "3,600", "0.002175"]
    assert lines[3].split()[:2] == ["2026-11-21", "1,000"]
    assert lines[4].split() == ["total", "1,200", "2", "15", "8,400", "3,600", "0.002175"]
    assert len(lines) == 5


def test_what_has_no_name() -> None:
    """Requests without a model or a key are told as such, and keys carry the names that were given to them."""
    assert shown(report({"model": None}, by="model"))[2].startswith("(no model) ")
    keys = shown(report({"key": None}, {"key": "0123456789ab"}, {"key": "ba9876543210"}, by="key"), ba9876543210="ci")
    assert [line.split("  ")[0] for line in keys[2:5]] == ["(token)", "0123456789ab", "ba9876543210 ci"]


def test_every_tenant_has_rows_of_its_own() -> None:
    """The report on all tenants names them."""
    lines = shown(report({"model": "demo"}, {"tenant": "acme", "model": "demo"}, by="model", tenant=None))
    assert lines[1].split()[:2] == ["TENANT", "MODEL"]
    assert [line.split()[:2] for line in lines[2:4]] == [["local", "demo"], ["acme", "demo"]]


@pytest.mark.parametrize(
    "cost, words",
    [(None, "-"), ("0.000000000", "0.00"), ("1234.500000000", "1,234.50"), ("0.000000001", "0.000000001")],
)
def test_costs(cost: str | None, words: str) -> None:
    """A cost is exact and has two decimals at least; where nothing had a price there is none."""
    assert shown(report({"day": "2026-11-21", "cost": cost}))[2].split()[-1] == words


def test_use_without_a_price_is_told() -> None:
    """What cost nothing because nobody gave it a price is not passed over."""
    assert shown(report({"day": "2026-11-21"}, unpriced_requests=7))[-1].startswith("7 of them used a model without")


def test_nothing_was_used() -> None:
    """An empty report says so, and for which days."""
    assert shown(report())[1:] == ["nothing was used"]


def test_what_is_asked() -> None:
    """The gateway is asked for as many days as were named, the last of which is today."""
    asked: list[tuple[str, dict[str, str]]] = []

    def answer(_method: str, path: str, headers: dict[str, str], _body: Any) -> tuple[int, str]:
        asked.append((path, headers))
        return 200, "{}"

    today = datetime.now(UTC).date()
    with answering(answer) as address:
        assert read_usage(address, "token", by=By.KEY, days=7, tenant="acme") == {}
    (path, headers), query = asked[0], parse_qs(urlsplit(asked[0][0]).query)
    assert path.startswith("/v1/usage?")
    assert headers["authorization"] == "Bearer token"
    assert (query["by"], query["tenant"]) == (["key"], ["acme"])
    first, last = (date.fromisoformat(query[name][0]) for name in ("from", "to"))
    assert (last - first).days == 6
    assert (last - today).days in {0, 1}


def test_a_refusal_is_told_in_the_gateways_words() -> None:
    """What the gateway refuses, it explains itself; where none answers, that is told."""
    refusal = '{"error": {"message": "401 days are asked for."}}'
    with answering(lambda *_: (400, refusal)) as address, pytest.raises(InvalidRequest, match="401 days are asked"):
        read_usage(address, "token", by=By.DAY, days=401, tenant="local")
    with pytest.raises(PlatformNotRunning, match="does not answer"):
        read_usage("http://127.0.0.1:9", "token", by=By.DAY, days=1, tenant="local")
