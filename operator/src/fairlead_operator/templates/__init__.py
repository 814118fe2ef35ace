"""The Ray clusters of models, by version of the pod templates. Pure.

A model keeps the version with which its pods were made. What a version renders is therefore never changed, once it has
been released: a change is a new version, and golden files under tests/operator/golden hold the old ones.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from fairlead_contract.modeldeployment import ModelDeployment
from fairlead_contract.yaml_documents import Json
from fairlead_operator.surroundings import Surroundings
from fairlead_operator.templates import v1, v2

Template = Callable[[ModelDeployment, Surroundings], Json]
"""Returns a RayService's `rayClusterConfig`."""

TEMPLATES: Final[Mapping[str, Template]] = MappingProxyType({"v1": v1.ray_cluster_v1, "v2": v2.ray_cluster_v2})
CURRENT_TEMPLATE: Final = "v2"
