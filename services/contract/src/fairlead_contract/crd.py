"""Generates the custom resource definition from the manifest's models: `python -m fairlead_contract.crd FILE`.

Pydantic speaks JSON Schema 2020-12, the API server a structural subset of OpenAPI 3.0: references are inlined, a value
that may be None becomes a field that may be absent, and defaults are written in full, since the API server checks each
as it stands. Unknown fields are the server's own affair: it refuses them from clients that ask for strictness, as
kubectl does, and prunes them otherwise.

The file is the one template of the chart `fairlead-crds`. Helm keeps it when that chart is removed: with the definition
the API server would delete every ModelDeployment.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core.core_schema import WithDefaultSchema

from fairlead_contract.cel import VALIDATIONS
from fairlead_contract.modeldeployment import ModelDeployment
from fairlead_contract.names import (
    API_GROUP,
    API_VERSION_NAME,
    CATEGORIES,
    KIND,
    PLURAL,
    SHORT_NAME,
    SINGULAR,
)
from fairlead_contract.status import Status

Schema = dict[str, Any]

_DROPPED = frozenset({"title", "$defs", "discriminator"})
_KEPT_BY_HELM = {"helm.sh/resource-policy": "keep"}
_ANY_VALUE: Schema = {"x-kubernetes-preserve-unknown-fields": True}


def custom_resource_definition() -> Schema:
    """Return the CRD as the API server takes it."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{PLURAL}.{API_GROUP}", "annotations": _KEPT_BY_HELM},
        "spec": {
            "group": API_GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": KIND,
                "listKind": f"{KIND}List",
                "plural": PLURAL,
                "singular": SINGULAR,
                "shortNames": [SHORT_NAME],
                "categories": list(CATEGORIES),
            },
            "versions": [_version()],
        },
    }


def _version() -> Schema:
    return {
        "name": API_VERSION_NAME,
        "served": True,
        "storage": True,
        "subresources": {
            "status": {},
            "scale": {
                "specReplicasPath": ".spec.scaling.minReplicas",
                "statusReplicasPath": ".status.replicas",
                "labelSelectorPath": ".status.selector",
            },
        },
        "additionalPrinterColumns": [
            _column("Model", ".status.model"),
            _column("Engine", ".spec.engine.name"),
            _column("Ready", ".status.ready"),
            _column("Phase", ".status.phase"),
            _column("Progress", ".status.progress.summary"),
            _column("URL", ".status.url"),
            _column("Age", ".metadata.creationTimestamp", type_="date"),
            _column("GPUs", ".status.gpus", type_="integer", is_wide=True),
            _column("Reason", _of_ready("reason"), is_wide=True),
            _column("Message", _of_ready("message"), is_wide=True),
        ],
        "schema": {"openAPIV3Schema": _object()},
    }


def _column(name: str, path: str, *, type_: str = "string", is_wide: bool = False) -> Schema:
    """Return one column of `kubectl get`; a wide one is shown with `-o wide` only."""
    return {"name": name, "type": type_, "jsonPath": path, "priority": 1 if is_wide else 0}


def _of_ready(field: str) -> str:
    return f'.status.conditions[?(@.type=="Ready")].{field}'


def _object() -> Schema:
    """Return the schema of the whole object; of its metadata, only what rules read may be named."""
    generated = structural_schema(ModelDeployment)
    return {
        "description": generated["description"],
        "type": "object",
        "required": ["spec"],
        VALIDATIONS: generated[VALIDATIONS],
        "properties": {
            "apiVersion": _text(),
            "kind": _text(),
            "metadata": {"type": "object", "properties": {"name": _text(), "generateName": _text()}},
            "spec": generated["properties"]["spec"],
            "status": structural_schema(Status),
        },
    }


def _text() -> Schema:
    return {"type": "string"}


class _FullDefaults(GenerateJsonSchema):
    """Writes down the default of a field that is made by a factory, too."""

    def get_default_value(self, schema: WithDefaultSchema) -> Any:  # noqa: ANN401 - pydantic's signature
        factory: Any = schema.get("default_factory")
        return factory() if factory else super().get_default_value(schema)


def structural_schema(model: type[BaseModel]) -> Schema:
    """Return a model as a structural schema.

    Raises:
        ValueError: The model holds a choice of types, which has no structural form.
    """
    schema = model.model_json_schema(by_alias=True, schema_generator=_FullDefaults)
    return _rewritten(schema, schema.get("$defs", {}))


def _rewritten(schema: Schema, definitions: Mapping[str, Schema]) -> Schema:
    if "anyOf" in schema:
        schema = _optional(schema)
    if "$ref" in schema:
        target = definitions[schema["$ref"].rsplit("/", 1)[-1]]
        siblings = {key: value for key, value in schema.items() if key != "$ref"}
        schema = {**target, **siblings}
    if not schema.keys() - {"title", "description", "default"}:
        return {**_kept(schema), **_ANY_VALUE}
    rewritten = _kept(schema)
    if "properties" in schema:
        rewritten["properties"] = {name: _rewritten(part, definitions) for name, part in schema["properties"].items()}
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            rewritten[key] = _rewritten(schema[key], definitions)
    if schema.get("additionalProperties") is True:
        rewritten |= _ANY_VALUE
    if "const" in schema:
        rewritten["enum"] = [schema["const"]]
    if schema.get("default") is not None:
        rewritten["default"] = _without_none(schema["default"])
    return rewritten


def _kept(schema: Schema) -> Schema:
    """Return what passes unchanged."""
    moved = {"properties", "items", "additionalProperties", "const", "anyOf", "default"}
    return {key: value for key, value in schema.items() if key not in _DROPPED | moved}


def _without_none(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Return a default without the fields that are absent."""
    if isinstance(value, dict):
        return {key: _without_none(part) for key, part in value.items() if part is not None}
    return value


def _optional(schema: Schema) -> Schema:
    """Return `X or null` as X: the API server takes an explicit null for an absent field."""
    options = [option for option in schema["anyOf"] if option.get("type") != "null"]
    if len(options) != 1:
        raise ValueError(f"no structural form for a choice of {len(options)} types: {schema}")
    siblings = {key: value for key, value in schema.items() if key != "anyOf"}
    return {**options[0], **siblings}


def document() -> str:
    """Return the CRD as YAML, with a note on where it comes from."""
    text = yaml.safe_dump(custom_resource_definition(), sort_keys=False, width=110)
    return f"# Generated by `make crd` from fairlead_contract.modeldeployment; do not edit.\n{text}"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(document())
