"""On which nodes a model's workers may run. Pure."""

from collections.abc import Mapping
from typing import Any

from fairlead_contract.modeldeployment import ModelDeployment, Toleration
from fairlead_contract.yaml_documents import Json
from fairlead_operator.accelerators import Accelerator


def worker_placement(deployment: ModelDeployment, accelerators: Mapping[str, Accelerator]) -> dict[str, Json]:
    """Return the fields of a pod's spec that place it: what its accelerator asks for, and what the manifest adds.

    The manifest's runtime class stands before the accelerator's.
    """
    placement, kind = deployment.spec.placement, deployment.spec.resources.accelerator
    accelerator = accelerators[kind] if kind else Accelerator(tolerations=())
    tolerations = [*accelerator.tolerations]
    tolerations += [own for own in placement.tolerations if own not in tolerations]
    fields = {
        "nodeSelector": dict(placement.node_selector),
        "affinity": _affinity(accelerator),
        "tolerations": [_toleration(each) for each in tolerations],
        "runtimeClassName": placement.runtime_class_name or accelerator.runtime_class_name,
    }
    return {name: value for name, value in fields.items() if value}


def _affinity(accelerator: Accelerator) -> dict[str, Json]:
    """Return where the kind of GPU is. Terms are alternatives: clouds label the same kind differently."""
    terms = [
        {"matchExpressions": [{"key": label, "operator": "In", "values": list(values)}]}
        for label, values in accelerator.node_labels.items()
    ]
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}
    return {"nodeAffinity": required} if terms else {}


def _toleration(toleration: Toleration) -> dict[str, Any]:
    return toleration.model_dump(mode="json", by_alias=True, exclude_none=True)
