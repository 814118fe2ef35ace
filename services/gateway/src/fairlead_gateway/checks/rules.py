"""Rules for values: each says what a field may hold and raises InvalidValue, with what to write instead.

`null` means "not given" in both vendors' APIs and passes every rule; what must be given is checked apart.
"""

from collections.abc import Callable, Collection
from typing import NoReturn, TypeAlias

from fairlead_contract.errors import InvalidValue

Rule: TypeAlias = Callable[[str, object], None]
"""Checks the value of the field of a name; raises InvalidValue."""


def refuse(name: str, problem: str) -> NoReturn:
    """Refuse a field's value.

    Raises:
        InvalidValue: Always.
    """
    raise InvalidValue(f"`{name}` {problem}.", param=name)


def integer(low: int, high: int) -> Rule:
    """Whole numbers from low to high, both included."""

    def check(name: str, value: object) -> None:
        if value is None:
            return
        if not isinstance(value, int) or isinstance(value, bool):
            refuse(name, f"must be an integer between {low} and {high}, not {kind(value)}")
        if not low <= value <= high:
            refuse(name, f"must be between {low} and {high}, not {value}")

    return check


def number(low: float, high: float, *, above_low: bool = False) -> Rule:
    """Numbers from low to high, both included unless `above_low` leaves low out."""
    span = f"above {low:g} and at most {high:g}" if above_low else f"between {low:g} and {high:g}"

    def check(name: str, value: object) -> None:
        if value is None:
            return
        if not isinstance(value, int | float) or isinstance(value, bool):
            refuse(name, f"must be a number {span}, not {kind(value)}")
        if not low <= value <= high or (above_low and value == low):
            refuse(name, f"must be {span}, not {value:g}")

    return check


def boolean(name: str, value: object) -> None:
    """True or false."""
    if value is not None and not isinstance(value, bool):
        refuse(name, f"must be true or false, not {kind(value)}")


def text(max_chars: int) -> Rule:
    """A string of at most so many characters."""

    def check(name: str, value: object) -> None:
        if value is None:
            return
        if not isinstance(value, str):
            refuse(name, f"must be a string, not {kind(value)}")
        if len(value) > max_chars:
            refuse(name, f"must have at most {max_chars} characters, not {len(value)}")

    return check


def one_of(*choices: str) -> Rule:
    """One of a few words."""
    listed = ", ".join(f'"{choice}"' for choice in choices)

    def check(name: str, value: object) -> None:
        if value is not None and (not isinstance(value, str) or value not in choices):
            refuse(name, f"must be one of {listed}")

    return check


def strings(max_items: int, max_chars: int, *, or_one: bool = False) -> Rule:
    """A list of non-empty strings, or with `or_one` also a single one."""

    def check(name: str, value: object) -> None:
        if value is None:
            return
        items = [value] if or_one and isinstance(value, str) else value
        if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
            refuse(name, "must be a string or a list of strings" if or_one else "must be a list of strings")
        _check_count(name, items, max_items)
        for item in items:
            if not 0 < len(item) <= max_chars:
                refuse(name, f"must hold strings of 1 to {max_chars} characters, not of {len(item)}")

    return check


def integers(max_items: int, low: int, high: int) -> Rule:
    """A list of whole numbers from low to high."""

    def check(name: str, value: object) -> None:
        if value is None:
            return
        if not isinstance(value, list) or not all(type(item) is int for item in value):
            refuse(name, "must be a list of integers")
        _check_count(name, value, max_items)
        if value and not low <= min(value) <= max(value) <= high:
            refuse(name, f"must hold integers between {low} and {high}")

    return check


def mapping(max_items: int, item: Rule, *, key: Rule | None = None) -> Rule:
    """An object with at most so many entries, each of which obeys a rule."""

    def check(name: str, value: object) -> None:
        if value is None:
            return
        if not isinstance(value, dict):
            refuse(name, f"must be an object, not {kind(value)}")
        _check_count(name, value, max_items)
        for entry_name, entry in value.items():
            if key is not None:
                key(name, entry_name)
            item(f"{name}.{entry_name[:80]}", entry)

    return check


def kind(value: object) -> str:
    """Return what a JSON value is, in JSON's words."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "a string"
    return "a list" if isinstance(value, list) else "an object"


def _check_count(name: str, value: Collection[object], max_items: int) -> None:
    if len(value) > max_items:
        refuse(name, f"must have at most {max_items} entries, not {len(value)}")
