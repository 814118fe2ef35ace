import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from fairlead_contract.crd import custom_resource_definition, document, structural_schema
from tests.contract.manifests import deployment

CHART = Path(__file__).parents[2] / "charts" / "fairlead-crds" / "templates" / "modeldeployments.fairlead.dev.yaml"


def nodes(schema: Any) -> Iterator[dict[str, Any]]:
    """Return every schema inside a schema."""
    yield schema
    for part in schema.get("properties", {}).values():
        yield from nodes(part)
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            yield from nodes(schema[key])


def version() -> dict[str, Any]:
    """Return the only version of the definition."""
    [only] = custom_resource_definition()["spec"]["versions"]
    found: dict[str, Any] = only
    return found


def object_schema() -> dict[str, Any]:
    """Return the schema of the whole object."""
    schema: dict[str, Any] = version()["schema"]["openAPIV3Schema"]
    return schema


def filled(schema: dict[str, Any], value: Any) -> Any:
    """Return a value with the defaults that the API server fills in."""
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        value = {name: part["default"] for name, part in properties.items() if "default" in part} | value
        return {name: filled(properties.get(name, {}), part) for name, part in value.items()}
    if isinstance(value, list):
        return [filled(schema.get("items", {}), part) for part in value]
    return value


def test_golden() -> None:
    """The CRD in its chart is what the models generate; `make crd` writes it anew."""
    assert CHART.read_text() == document()


def test_structural() -> None:
    """Every node has a type or takes anything, and none holds what the API server refuses."""
    for node in nodes(object_schema()):
        assert "type" in node or node.keys() & {
            "x-kubernetes-preserve-unknown-fields",
            "x-kubernetes-int-or-string",
        }, node
        assert not node.keys() & {"$ref", "$defs", "anyOf", "title", "const", "discriminator", "nullable"}, node
        assert "default" not in node or node["default"] is not None


def test_defaults_are_whole() -> None:
    """Each default holds already what the defaults below it would add, since the API server checks it as it stands."""
    for node in nodes(object_schema()):
        if "default" in node:
            assert node["default"] == filled(node, node["default"])


def test_defaults_are_the_contracts() -> None:
    """A manifest with the schema's defaults filled in says what the contract reads from it without them."""
    spec = {"model": {"source": "hf://fairlead/demo"}}
    own = deployment().spec.model_dump(mode="json", by_alias=True, exclude_none=True)

    assert filled(object_schema()["properties"]["spec"], spec) == own


def test_rules_say_what_to_write() -> None:
    """Every rule has a message of what is wrong and what to write instead, in one line."""
    rules = [rule for node in nodes(object_schema()) for rule in node.get("x-kubernetes-validations", [])]

    assert len(rules) > 15
    assert [rule for rule in rules if not re.fullmatch(r"[^;\n]+; [^;\n]+", rule["message"])] == []


def test_paths() -> None:
    """What columns, the scale subresource and rules point at are fields of the schema."""
    schema, scale = object_schema(), version()["subresources"]["scale"]
    columns = [column["jsonPath"] for column in version()["additionalPrinterColumns"]]
    paths = [path for path in (*columns, *scale.values()) if path != ".metadata.creationTimestamp"]
    pointed = [(schema, path) for path in paths] + [
        (node, rule["fieldPath"])
        for node in nodes(schema)
        for rule in node.get("x-kubernetes-validations", [])
        if "fieldPath" in rule
    ]

    for start, path in pointed:
        node = start
        for name in re.sub(r"\[.*\]", ".items", path).strip(".").split("."):
            node = node["items"] if name == "items" else node["properties"][name]


def test_choice_of_types() -> None:
    """A field of two types has no structural form and is refused when the CRD is made."""

    class Choice(BaseModel):
        either: int | str

    with pytest.raises(ValueError, match="no structural form"):
        structural_schema(Choice)
