"""Kinds of GPUs: on which nodes they are, and what pods need to get there. Pure.

Nodes say their kind by labels that differ between clouds, so each kind lists all that it is known by: a node fits that
has any of them. A settings file adds kinds, or replaces one. An entry here is never changed, since the pods of running
models are rendered from it: it would take a new version of the pod templates.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel

from fairlead_contract.errors import ManifestError
from fairlead_contract.mistakes import mistakes_of
from fairlead_contract.modeldeployment import Toleration
from fairlead_contract.yaml_documents import read_documents, to_json

GKE: Final = "cloud.google.com/gke-accelerator"
DISCOVERED: Final = "nvidia.com/gpu.product"
"""NVIDIA's GPU feature discovery; EKS with the GPU operator, and most clusters on premises."""

KARPENTER: Final = "karpenter.k8s.aws/instance-gpu-name"
EKS_AUTO: Final = "eks.amazonaws.com/instance-gpu-name"


class Accelerator(BaseModel):
    """One kind of GPU."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)

    node_labels: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, description="Labels and their values; a node with any of them has this kind."
    )
    tolerations: tuple[Toleration, ...] = (Toleration(key="nvidia.com/gpu", operator="Exists", effect="NoSchedule"),)
    runtime_class_name: str | None = None
    resource: str = Field(default="nvidia.com/gpu", description="As which pods ask for it.")


def _nvidia(gke: tuple[str, ...], discovered: tuple[str, ...], aws: tuple[str, ...]) -> Accelerator:
    found = {GKE: gke, DISCOVERED: discovered, KARPENTER: aws, EKS_AUTO: aws}
    return Accelerator(node_labels={label: values for label, values in found.items() if values})


DEFAULT_ACCELERATORS: Final[Mapping[str, Accelerator]] = MappingProxyType(
    {
        "nvidia-t4": _nvidia(("nvidia-tesla-t4",), ("Tesla-T4", "NVIDIA-T4"), ("t4",)),
        "nvidia-a10g": _nvidia((), ("NVIDIA-A10G",), ("a10g",)),
        "nvidia-l4": _nvidia(("nvidia-l4",), ("NVIDIA-L4",), ("l4",)),
        "nvidia-l40s": _nvidia((), ("NVIDIA-L40S",), ("l40s",)),
        "nvidia-a100-40gb": _nvidia(
            ("nvidia-tesla-a100",), ("NVIDIA-A100-SXM4-40GB", "NVIDIA-A100-PCIE-40GB"), ("a100-40gb",)
        ),
        "nvidia-a100-80gb": _nvidia(
            ("nvidia-a100-80gb",), ("NVIDIA-A100-SXM4-80GB", "NVIDIA-A100-80GB-PCIe"), ("a100-80gb",)
        ),
        "nvidia-h100-80gb": _nvidia(
            ("nvidia-h100-80gb", "nvidia-h100-mega-80gb"), ("NVIDIA-H100-80GB-HBM3", "NVIDIA-H100-PCIe"), ("h100",)
        ),
        "nvidia-h200": _nvidia(("nvidia-h200-141gb",), ("NVIDIA-H200",), ("h200",)),
        "nvidia-b200": _nvidia(("nvidia-b200",), ("NVIDIA-B200",), ("b200",)),
    }
)

_TABLE: Final = TypeAdapter(dict[str, Accelerator])


class _File(BaseModel):
    """For the paths in messages alone."""

    model_config = ConfigDict(extra="allow")


def parse_accelerators(text: str, *, where: str) -> Mapping[str, Accelerator]:
    """Read kinds from YAML: names to entries. What it does not name stays as it is known.

    Raises:
        ManifestError: One line per mistake.
    """
    documents = read_documents(text, where=where)
    try:
        added = _TABLE.validate_json(to_json(documents[0] if documents else {}))
    except ValidationError as error:
        raise ManifestError(where, mistakes_of(error, _File)) from None
    return MappingProxyType({**DEFAULT_ACCELERATORS, **added})
