"""values.schema.json: what Helm checks values against before it renders anything."""

import json
from typing import Any

from charts.generate.values import Values
from pydantic.json_schema import GenerateJsonSchema

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_DROPPED = frozenset({"title", "default", "unit", "format"})
"""Defaults stand in values.yaml; a format is no assertion, and Helm need not know ours."""


def document() -> str:
    """Return the schema as it is kept."""
    schema = _plain(Values.model_json_schema(schema_generator=GenerateJsonSchema))
    schema["properties"]["global"] = {"type": "object", "description": "Helm's own, for charts that hold this one."}
    schema.pop("required", None)
    return json.dumps({"$schema": DIALECT, **schema}, indent=1, ensure_ascii=False) + "\n"


def _plain(schema: Any, *, is_properties: bool = False) -> Any:  # noqa: ANN401 - JSON
    """Return a schema without what only readers of Python need; names of properties are no keywords."""
    if isinstance(schema, list):
        return [_plain(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: _plain(part, is_properties=key in {"properties", "$defs"} and not is_properties)
        for key, part in schema.items()
        if is_properties or key not in _DROPPED
    }
