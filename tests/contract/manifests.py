"""Manifests for the contract's tests."""

import copy
from typing import Any

from fairlead_contract.manifest import parse_manifest
from fairlead_contract.modeldeployment import ModelDeployment

_MINIMAL: dict[str, Any] = {
    "apiVersion": "fairlead.dev/v1alpha1",
    "kind": "ModelDeployment",
    "metadata": {"name": "demo"},
    "spec": {"model": {"source": "hf://fairlead/demo"}},
}


def document(**spec: Any) -> dict[str, Any]:
    """Return a manifest whose spec has the given fields besides the model."""
    manifest = copy.deepcopy(_MINIMAL)
    manifest["spec"] |= spec
    return manifest


def deployment(name: str = "demo", **spec: Any) -> ModelDeployment:
    """Return a checked ModelDeployment."""
    manifest = document(**spec)
    manifest["metadata"]["name"] = name
    return parse_manifest(manifest, where="test")
