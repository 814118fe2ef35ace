"""The first version: KubeRay probes pods as it likes, and Ray gives those that leave its own 30 seconds. Pure."""

from fairlead_contract.modeldeployment import ModelDeployment
from fairlead_contract.yaml_documents import Json
from fairlead_operator.surroundings import Surroundings
from fairlead_operator.templates.parts import head_template, ray_cluster, worker_template


def ray_cluster_v1(deployment: ModelDeployment, surroundings: Surroundings) -> Json:
    """Return a RayService's `rayClusterConfig`."""
    settings = surroundings.settings
    head, workers = head_template(deployment, settings), worker_template(deployment, surroundings)
    return ray_cluster(deployment, settings, head=head, workers=workers)
