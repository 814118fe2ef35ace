"""Every field of every endpoint with values beyond what its rule lets through, made from the rules themselves."""

from collections.abc import Iterator
from typing import Any

from fairlead_gateway.checks.fields import REQUIRED, RULES
from fairlead_gateway.checks.policy import DROPPED, REFUSED, known_fields
from fairlead_gateway.checks.rules import Schema, schema_of
from fairlead_gateway.endpoints import ENDPOINTS, Endpoint
from tests.gateway.bad_input.case import Case, changed
from tests.gateway.checks.test_wrong_requests import VALID

ODD: dict[str, Any] = {
    "null": None,
    "true": True,
    "zero": 0,
    "a negative number": -1,
    "a fraction": 0.5,
    "the largest integer": 2**64 - 1,
    "more than 64 bits": 2**64,
    "a huge float": 1e308,
    "an empty string": "",
    "a string": "captain",
    "a long string": "x" * 10_000,
    "a NUL": "\x00",
    "an empty list": [],
    "a list of everything": [None, True, 1, "x", [], {}],
    "an empty object": {},
    "an object of everything": {"a": None, "b": [1], "": {"\x00": "x"}},
    "a deep list": [[[[[[[[[[1]]]]]]]]]],
}
"""For fields without a rule of ours any of them may be right: the engine decides."""

_WRONG_TYPES: dict[str, Any] = {
    "boolean": "yes",
    "integer": "5",
    "number": "5",
    "string": 5,
    "array": 5,
    "object": 5,
}


def bounds_cases() -> Iterator[Case]:
    """Yield cases for every field that any endpoint knows."""
    for endpoint in (ENDPOINTS[path] for path in VALID):
        for field in sorted(known_fields()[endpoint.kind].names):
            yield from _cases(endpoint, field)


def _cases(endpoint: Endpoint, field: str) -> Iterator[Case]:
    schema = schema_of(RULES[endpoint.kind].get(field))
    for name, value in wrong_values(schema):
        yield changed(f"{field}: {name}", endpoint.path, **{field: value})
    for name, value in ODD.items():
        refused = field in REFUSED and field not in DROPPED and value is not None
        missing = field in REQUIRED[endpoint.kind] and value is None
        wrong = refused or missing or name == "more than 64 bits"
        yield changed(f"{field}: {name}", endpoint.path, wrong=wrong, **{field: value})


def wrong_values(schema: Schema) -> Iterator[tuple[str, Any]]:
    """Yield values that a schema refuses, each with what is wrong with it."""
    kind = schema.get("type")
    if isinstance(kind, str):
        yield f"not of type {kind}", _WRONG_TYPES[kind]
    if kind == "integer":
        yield "a fraction", schema["minimum"] + 0.5
        yield "true", True
    if kind in ("integer", "number"):
        yield from _outside(schema)
    if kind == "string":
        yield from _texts(schema)
    if kind == "array" and "maxItems" in schema:
        yield "too many entries", [_any(schema["items"])] * (schema["maxItems"] + 1)
        yield from ((f"an entry: {name}", [value]) for name, value in wrong_values(schema["items"]))
    if kind == "object":
        entries = schema.get("additionalProperties")
        if isinstance(entries, dict):
            yield from ((f"an entry: {name}", {"5": value}) for name, value in wrong_values(entries))
        if "maxProperties" in schema:
            yield (
                "too many entries",
                {str(number): _any(entries or {}) for number in range(schema["maxProperties"] + 1)},
            )
    if "const" in schema:
        yield "anything else", "captain"


def _outside(schema: Schema) -> Iterator[tuple[str, Any]]:
    step = 1 if schema["type"] == "integer" else 0.001
    yield "below the least", schema["minimum"] - step if "minimum" in schema else schema["exclusiveMinimum"]
    yield "above the most", schema["maximum"] + step
    yield "far below", -(2**63) if schema.get("minimum") != -(2**63) else -1e300
    yield "far above", 1e300


def _texts(schema: Schema) -> Iterator[tuple[str, Any]]:
    if "maxLength" in schema:
        yield "too long", "x" * (schema["maxLength"] + 1)
    if schema.get("minLength"):
        yield "empty", ""
    if "enum" in schema:
        yield "another word", "captain"
        yield "in capitals", schema["enum"][0].upper() + " "


def _any(schema: Schema) -> Any:
    """Return something that a simple schema lets through."""
    samples = {
        "string": "x",
        "integer": schema.get("minimum", 1),
        "number": 0,
        "object": {"role": "user", "content": "x"},
    }
    return samples.get(str(schema.get("type")), "x")
