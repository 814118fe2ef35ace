from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from fairlead_contract.crd import custom_resource_definition, document, structural

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "modeldeployments.fairlead.dev.yaml"


def nodes(schema: Any) -> Iterator[dict[str, Any]]:
    """Return every schema inside a schema."""
    yield schema
    for part in schema.get("properties", {}).values():
        yield from nodes(part)
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            yield from nodes(schema[key])


def spec_schema() -> dict[str, Any]:
    """Return the schema of the manifest's spec."""
    [version] = custom_resource_definition()["spec"]["versions"]
    schema: dict[str, Any] = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
    return schema


def test_golden() -> None:
    """The CRD in the documentation is what the models generate; `make crd` writes it anew."""
    assert REFERENCE.read_text() == document()


def test_structural() -> None:
    """Every node has a type or takes anything, and none holds what the API server refuses."""
    for node in nodes(spec_schema()):
        assert "type" in node or node.keys() & {
            "x-kubernetes-preserve-unknown-fields",
            "x-kubernetes-int-or-string",
        }, node
        assert not node.keys() & {"$ref", "$defs", "anyOf", "title", "const", "discriminator"}, node
        assert "default" not in node or node["default"] is not None


def test_choice_of_types() -> None:
    """A field of two types has no structural form and is refused when the CRD is made."""

    class Choice(BaseModel):
        either: int | str

    with pytest.raises(ValueError, match="no structural form"):
        structural(Choice.model_json_schema())
