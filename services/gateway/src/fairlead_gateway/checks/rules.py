"""Rules for values: each says what a field may hold and raises InvalidValue, with what to write instead.

`null` means "not given" in both vendors' APIs and passes every rule; what must be given is checked apart. A rule also
says what it lets through as a JSON schema, from which the API's description and the tests' wrong values are made.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, TypeAlias

from fairlead_contract.errors import InvalidValue

Rule: TypeAlias = Callable[[str, object], None]
"""Checks the value of the field of a name; raises InvalidValue."""


Schema: TypeAlias = Mapping[str, Any]
"""A JSON schema; it may let through more than the rule does, never less."""


@dataclass(frozen=True, slots=True)
class DescribedRule:
    """A rule with its schema, `null` left out."""

    check: Rule
    schema: Schema

    def __call__(self, name: str, value: object) -> None:
        """Check a value.

        Raises:
            InvalidValue: It is not what the rule lets through.
        """
        self.check(name, value)


def described(schema: Schema) -> Callable[[Rule], Rule]:
    """Give a rule its schema."""
    return lambda check: DescribedRule(check, schema)


def schema_of(rule: Rule | None) -> Schema:
    """Return a rule's schema; a rule that has none lets anything through as far as its schema says."""
    return rule.schema if isinstance(rule, DescribedRule) else {}


def check_of(rule: Rule | None) -> Rule:
    """Return what a rule checks, without its schema; where there is no rule, it lets anything through."""
    if rule is None:
        return _anything
    return rule.check if isinstance(rule, DescribedRule) else rule


def _anything(_name: str, _value: object) -> None:
    """The engine alone checks it."""


def refuse(name: str, problem: str) -> NoReturn:
    """Refuse a field's value.

    Raises:
        InvalidValue: Always.
    """
    raise InvalidValue(f"`{name}` {problem}.", param=name)


def integer(low: int, high: int) -> Rule:
    """Whole numbers from low to high, both included."""

    @described({"type": "integer", "minimum": low, "maximum": high})
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

    @described({"type": "number", "exclusiveMinimum" if above_low else "minimum": low, "maximum": high})
    def check(name: str, value: object) -> None:
        if value is None:
            return
        if not isinstance(value, int | float) or isinstance(value, bool):
            refuse(name, f"must be a number {span}, not {kind(value)}")
        if not low <= value <= high or (above_low and value == low):
            refuse(name, f"must be {span}, not {value:g}")

    return check


@described({"type": "boolean"})
def boolean(name: str, value: object) -> None:
    """True or false."""
    if value is not None and not isinstance(value, bool):
        refuse(name, f"must be true or false, not {kind(value)}")


def text(max_chars: int) -> Rule:
    """A string of at most so many characters."""

    @described({"type": "string", "maxLength": max_chars})
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

    @described({"type": "string", "enum": list(choices)})
    def check(name: str, value: object) -> None:
        if value is not None and (not isinstance(value, str) or value not in choices):
            refuse(name, f"must be one of {listed}")

    return check


def strings(max_items: int, max_chars: int, *, or_one: bool = False) -> Rule:
    """A list of non-empty strings, or with `or_one` also a single one."""
    one: Schema = {"type": "string", "minLength": 1, "maxLength": max_chars}
    several: Schema = {"type": "array", "items": one, "maxItems": max_items}

    @described({"anyOf": [one, several]} if or_one else several)
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

    @described({"type": "array", "items": {"type": "integer", "minimum": low, "maximum": high}, "maxItems": max_items})
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
    names = {} if key is None else {"propertyNames": schema_of(key)}

    @described({"type": "object", "additionalProperties": schema_of(item), "maxProperties": max_items, **names})
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
