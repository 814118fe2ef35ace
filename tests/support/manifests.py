"""Manifests of models that run on the demo model's weights."""

from pathlib import Path
from typing import Any

import yaml

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"
DEMO = EXAMPLES / "01-demo.yaml"
WEIGHTS = EXAMPLES / "demo-model" / "weights"


def manifest(name: str, *, aliases: tuple[str, ...] = (), arguments: dict[str, Any] | None = None, **spec: Any) -> str:
    """Return the manifest of another model on the demo model's weights.

    Args:
        name: Name of the ModelDeployment, and the name that clients send.
        aliases: Further names.
        arguments: Engine arguments besides those that let it start fast on a CPU.
        spec: Further fields of the spec, as the manifest writes them.
    """
    engine = {"dtype": "float32", "enforce-eager": True, "max-model-len": 8192, "max-num-seqs": 8}
    document = {
        "apiVersion": "fairlead.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": name},
        "spec": {
            "model": {"source": f"file://{WEIGHTS}", "aliases": list(aliases)},
            "engine": {"arguments": engine | (arguments or {})},
            "resources": {"cpu": 1, "memory": "2Gi"},
            **spec,
        },
    }
    return yaml.safe_dump(document, sort_keys=False)
