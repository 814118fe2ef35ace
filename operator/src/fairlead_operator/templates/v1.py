"""The first version: KubeRay probes pods as it likes, and a pod that leaves does so after a moment. Pure."""

from fairlead_contract.modeldeployment import ModelDeployment
from fairlead_contract.yaml_documents import Json
from fairlead_operator.surroundings import Surroundings
from fairlead_operator.templates.parts import head_template, ray_cluster, worker_template

_DEREGISTRATION_S = 5
"""Until proxies and Services have heard that a pod leaves."""


def ray_cluster_v1(deployment: ModelDeployment, surroundings: Surroundings) -> Json:
    """Return a RayService's `rayClusterConfig`."""
    settings = surroundings.settings
    late = {"preStop": {"sleep": {"seconds": _DEREGISTRATION_S}}}
    return ray_cluster(
        deployment,
        settings,
        head=head_template(deployment, settings),
        workers=worker_template(deployment, surroundings, lifecycle=late),
    )
