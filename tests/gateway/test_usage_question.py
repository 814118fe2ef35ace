"""Questions about use: what may be asked, and how a wrong question is told."""

from datetime import date

import pytest

from fairlead_contract.errors import FairleadError, PermissionDenied
from fairlead_gateway.principal import Principal
from fairlead_gateway.usage_question import By, UsageQuestion, read_question
from tests.gateway.builders import ACME

TODAY = date(2026, 11, 21)
ADMIN = Principal(tenant="acme", plan="default", subject="root", is_admin=True)


def read(query: str, caller: Principal = ACME) -> UsageQuestion:
    parameters = [tuple(part.split("=")) for part in query.split("&") if part]
    return read_question([(name, value) for name, value in parameters], caller, TODAY)


@pytest.mark.parametrize(
    "query, question",
    [
        ("", UsageQuestion(date(2026, 10, 23), TODAY, By.DAY, "acme")),
        ("to=2026-01-31", UsageQuestion(date(2026, 1, 2), date(2026, 1, 31), By.DAY, "acme")),
        ("from=2026-11-21&by=model", UsageQuestion(TODAY, TODAY, By.MODEL, "acme")),
        ("tenant=acme&by=key", UsageQuestion(date(2026, 10, 23), TODAY, By.KEY, "acme")),
        ("from=2025-10-18", UsageQuestion(date(2025, 10, 18), TODAY, By.DAY, "acme")),
    ],
)
def test_a_question_is_read(query: str, question: UsageQuestion) -> None:
    """Without a word it is about the last thirty days of the own tenant."""
    assert read(query) == question


@pytest.mark.parametrize(
    "query, words",
    [
        ("from=yesterday", "`from` is `yesterday`. Write a UTC day such as 2026-01-31."),
        ("to=2026-02-30", "`to` is `2026-02-30`. Write a UTC day"),
        ("to=20261121", "Write a UTC day"),
        ("to=2026-W47-6", "Write a UTC day"),
        ("to=0001-01-01", "Write a UTC day"),
        ("from=", "Write a UTC day"),
        ("from=2026-11-02&to=2026-11-01", "lies after `to` (2026-11-01). Exchange them."),
        ("from=2026-11-22", "lies after"),
        ("from=2025-10-17", "401 days are asked for. Ask for at most 400 days at once."),
        ("by=hour", "`by` is `hour`. Write day, model or key."),
        ("form=2026-11-02", "There is no parameter `form`. Use `from`, `to`, `by`, `tenant`."),
        ("by=day&by=key", "`by` is given twice"),
        ("by=" + "x" * 500, "x…`. Write day"),
    ],
)
def test_a_wrong_question_is_told_with_the_right_one(query: str, words: str) -> None:
    """A 400 says what to write instead."""
    with pytest.raises(FairleadError) as refused:
        read(query)
    assert words in refused.value.message
    assert refused.value.http_status == 400


@pytest.mark.parametrize("tenant", ["globex", "*", "", "ACME"])
def test_nobody_asks_about_others(tenant: str) -> None:
    """Only an admin may name another tenant, or all, whether it exists or not."""
    with pytest.raises(PermissionDenied):
        read(f"tenant={tenant}")


def test_an_admin_asks_about_anyone() -> None:
    """An admin sees its own tenant unless it names another or all, and all at once for a month at most."""
    assert read("", ADMIN).tenant == "acme"
    assert read("tenant=globex", ADMIN).tenant == "globex"
    assert read("tenant=*", ADMIN).tenant is None
    with pytest.raises(FairleadError, match="name one with `tenant` for more"):
        read("tenant=*&from=2026-10-01", ADMIN)
