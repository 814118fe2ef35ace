"""Bounds on JSON schemas and regular expressions, so that no engine chokes on them.

Measured with vLLM 0.29: a schema of 300 levels killed the engine (CVE-2026-105757), a regular expression with nested
repetitions held everyone up for 4.6 s.
"""

import re
from collections.abc import Iterator
from enum import Enum, auto
from math import prod
from typing import Any

import msgspec

from fairlead_gateway.checks.rules import kind, refuse

MAX_SCHEMA_BYTES = 64 * 1024
MAX_SCHEMA_DEPTH = 32
MAX_ENUM = 1000
MAX_SIZE_KEYWORD = 10_000
MAX_PATTERN_CHARS = 2000
MAX_REPETITIONS = 100_000

_TYPES = frozenset({"string", "number", "integer", "boolean", "object", "array", "null"})
_DATA_KEYWORDS = frozenset({"enum", "const", "default", "examples"})
_NAMES_KEYWORDS = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
_SIZE_KEYWORDS = frozenset(
    {"minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties", "minContains", "maxContains"}
)
_REPETITION = re.compile(r"\{(\d+)(?:,(\d*))?\}")


def schema(name: str, value: object) -> None:
    """Check a JSON schema: at most 64 KiB, 32 levels, 1,000 values in an enum, known types, tame sizes and patterns."""
    if isinstance(value, bool | None):
        return
    if not isinstance(value, dict):
        refuse(name, f"must be a JSON schema, which is an object, not {kind(value)}")
    for node in _bounded_schemas(name, value):
        wanted = node.get("type")
        if isinstance(wanted, str) and wanted not in _TYPES:
            refuse(name, f"has the type {wanted[:40]!r}; JSON schema knows {', '.join(sorted(_TYPES))}")


def structural_tag(name: str, value: object) -> None:
    """Check a structural tag of vLLM, as an object or as a string of JSON: bounds as a schema's."""
    if isinstance(value, str):
        value = decoded(name, value)
    if not isinstance(value, dict):
        refuse(name, f"must be a structural tag, which is an object, not {kind(value)}")
    for _ in _bounded_schemas(name, value):
        pass  # its `type` fields are not those of a JSON schema


def pattern(name: str, value: object) -> None:
    """Check a regular expression: at most 2,000 characters, and repetitions whose counts stay small when multiplied."""
    if value is None:
        return
    if not isinstance(value, str):
        refuse(name, f"must be a regular expression as a string, not {kind(value)}")
    if len(value) > MAX_PATTERN_CHARS:
        refuse(name, f"must have at most {MAX_PATTERN_CHARS} characters, not {len(value)}")
    if "\x00" in value:
        refuse(name, "must not contain a NUL character")
    counts = (max(_count(match[1]), _count(match[2] or "0"), 1) for match in _REPETITION.finditer(value))
    if prod(counts) > MAX_REPETITIONS:
        refuse(name, f"repeats too often; the counts in braces may multiply to {MAX_REPETITIONS} at most")


def decoded(name: str, value: str) -> object:
    """Return what a schema that is given as a string of JSON holds."""
    try:
        return msgspec.json.decode(value)
    except (msgspec.DecodeError, RecursionError):
        refuse(name, "must be a JSON schema, as an object or as a string of JSON")


def _bounded_schemas(name: str, value: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield every schema within a schema, once its keywords have been checked.

    Raises:
        InvalidValue: Something in it is beyond its bound.
    """
    size = len(msgspec.json.encode(value))
    if size > MAX_SCHEMA_BYTES:
        refuse(name, f"is a schema of {size} bytes; at most {MAX_SCHEMA_BYTES} are accepted")
    pending: list[tuple[object, _Part, int]] = [(value, _Part.SCHEMA, 1)]
    while pending:
        node, part, depth = pending.pop()
        if depth > MAX_SCHEMA_DEPTH:
            refuse(name, f"nests deeper than {MAX_SCHEMA_DEPTH} levels; write a flatter schema")
        if part is _Part.SCHEMA and isinstance(node, dict):
            _check_keywords(name, node)
            yield node
        pending.extend((child, kind_of, depth + 1) for child, kind_of in _children(node, part))


class _Part(Enum):
    """What a value within a schema is: a schema, a map from names to schemas, or data that a schema speaks of."""

    SCHEMA = auto()
    NAMES = auto()
    DATA = auto()


def _children(node: object, part: _Part) -> Iterator[tuple[object, _Part]]:
    if isinstance(node, list):
        yield from ((child, part) for child in node if isinstance(child, dict | list))
    if isinstance(node, dict):
        for keyword, child in node.items():
            if isinstance(child, dict | list):
                yield child, _part_of(keyword, part)


def _part_of(keyword: str, parent: _Part) -> _Part:
    if parent is _Part.DATA or (parent is _Part.SCHEMA and keyword in _DATA_KEYWORDS):
        return _Part.DATA
    return _Part.NAMES if parent is _Part.SCHEMA and keyword in _NAMES_KEYWORDS else _Part.SCHEMA


def _check_keywords(name: str, node: dict[str, Any]) -> None:
    values = node.get("enum")
    if isinstance(values, list) and len(values) > MAX_ENUM:
        refuse(name, f"has an enum of {len(values)} values; at most {MAX_ENUM} are accepted")
    expression = node.get("pattern")
    if isinstance(expression, str):
        pattern(f"{name} pattern", expression)
    for keyword in _SIZE_KEYWORDS & node.keys():
        size = node[keyword]
        if isinstance(size, int | float) and size > MAX_SIZE_KEYWORD:
            refuse(name, f"has {keyword} {size}; at most {MAX_SIZE_KEYWORD} is accepted")


def _count(digits: str) -> int:
    return int(digits) if len(digits) <= 6 else MAX_REPETITIONS + 1  # noqa: PLR2004
