"""KubeRay's kinds on a test's API server."""

import os
from pathlib import Path
from typing import Any

import httpx2
import yaml

from tests.cluster.model_deployments import DEFINITIONS
from tests.support.waiting import eventually

KUBERAY_CRDS = "KUBERAY_CRDS"
"""Names the folder of KubeRay's own definitions."""

RAY_SERVICES = "/apis/ray.io/v1/rayservices"


def define(client: httpx2.Client, definition: dict[str, Any]) -> None:
    """Let an API server know a kind; one that it knows already stays as it is."""
    answer = client.post(DEFINITIONS, json=definition)
    assert answer.is_success or answer.status_code == httpx2.codes.CONFLICT, answer.text


def define_ray_services(client: httpx2.Client) -> None:
    """Let an API server know RayServices."""
    define(client, ray_service_definition())
    eventually(lambda: client.get(RAY_SERVICES).is_success, within_s=30, what="RayServices are served")


def ray_service_definition() -> dict[str, Any]:
    """Return KubeRay's own definition, or one that takes whatever is written."""
    folder = os.environ.get(KUBERAY_CRDS)
    if folder:
        found: dict[str, Any] = yaml.load((Path(folder) / "ray.io_rayservices.yaml").read_text(), yaml.CSafeLoader)
        return found
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": anything, "status": anything}}},
    }
    names = {"kind": "RayService", "listKind": "RayServiceList", "plural": "rayservices", "singular": "rayservice"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "rayservices.ray.io"},
        "spec": {"group": "ray.io", "scope": "Namespaced", "names": names, "versions": [version]},
    }
