"""What a caller wants to know of the use, checked: which days, by what, of whom."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

from fairlead_contract.errors import InvalidValue, PermissionDenied, UnknownField
from fairlead_gateway.principal import Principal

PARAMETERS: Final = ("from", "to", "by", "tenant")
ALL_TENANTS: Final = "*"
DEFAULT_DAYS: Final = 30
MAX_DAYS: Final = 400
MAX_DAYS_OF_ALL: Final = 31
MAX_SHOWN: Final = 60
EARLIEST: Final = date(2000, 1, 1)
"""Before anything was counted; keeps arithmetic with days in bounds."""


class By(StrEnum):
    """What use is summed by."""

    DAY = "day"
    MODEL = "model"
    KEY = "key"


@dataclass(frozen=True, slots=True)
class UsageQuestion:
    """A question about use.

    Attributes:
        first: First UTC day.
        last: Last UTC day, included.
        tenant: Whose use; None asks for every tenant's.
    """

    first: date
    last: date
    by: By
    tenant: str | None


def read_question(parameters: Iterable[tuple[str, str]], caller: Principal, today: date) -> UsageQuestion:
    """Read a query.

    Args:
        parameters: Names and values as they were sent.
        caller: Whose question it is.
        today: The last day asked for where none is named.

    Raises:
        UnknownField: A parameter that there is not.
        InvalidValue: A value that means nothing, or a parameter given twice.
        PermissionDenied: The use of another tenant, and the caller is no admin.
    """
    given = _once(parameters)
    last = _day("to", given["to"]) if "to" in given else today
    first = _day("from", given["from"]) if "from" in given else last - timedelta(DEFAULT_DAYS - 1)
    tenant = _tenant(given.get("tenant", caller.tenant), caller)
    _check_days(first, last, MAX_DAYS if tenant is not None else MAX_DAYS_OF_ALL)
    return UsageQuestion(first, last, _by(given.get("by", By.DAY)), tenant)


def _once(parameters: Iterable[tuple[str, str]]) -> dict[str, str]:
    given: dict[str, str] = {}
    for name, value in parameters:
        if name not in PARAMETERS:
            known = ", ".join(f"`{each}`" for each in PARAMETERS)
            raise UnknownField(f"There is no parameter `{_shown(name)}`. Use {known}.", param=_shown(name))
        if name in given:
            raise InvalidValue(f"`{name}` is given twice. Give it once.", param=name)
        given[name] = value
    return given


def _day(name: str, text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or day.isoformat() != text or day < EARLIEST:
        raise InvalidValue(f"`{name}` is `{_shown(text)}`. Write a UTC day such as 2026-01-31.", param=name)
    return day


def _by(text: str) -> By:
    try:
        return By(text)
    except ValueError:
        raise InvalidValue(f"`by` is `{_shown(text)}`. Write day, model or key.", param="by") from None


def _tenant(name: str, caller: Principal) -> str | None:
    if name != caller.tenant and not caller.is_admin:
        raise PermissionDenied(
            "You may see your own tenant alone. Leave `tenant` out, or use a token with the scope `admin`.",
            param="tenant",
        )
    return None if name == ALL_TENANTS else name


def _check_days(first: date, last: date, most: int) -> None:
    days = (last - first).days + 1
    if days < 1:
        raise InvalidValue(f"`from` ({first}) lies after `to` ({last}). Exchange them.", param="from")
    if days > most:
        whose = "at once" if most == MAX_DAYS else "of all tenants at once; name one with `tenant` for more"
        raise InvalidValue(f"{days} days are asked for. Ask for at most {most} days {whose}.", param="from")


def _shown(text: str) -> str:
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"
