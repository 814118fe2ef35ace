"""How many of a model's workers may be evicted at once. Pure."""

from collections.abc import Mapping

from fairlead_contract.modeldeployment import ModelDeployment
from fairlead_contract.names import MODEL_LABEL, disruption_budget_name
from fairlead_contract.yaml_documents import Json
from fairlead_operator.manifests.metadata import object_metadata


def disruption_budget(deployment: ModelDeployment, owner: Mapping[str, Json]) -> Json:
    """Return the PodDisruptionBudget of the workers: one goes at a time, so that a node can always be emptied.

    Ray's head is left out: there is one, and a budget for it would keep its node from ever being emptied.
    """
    selector = {"matchLabels": {MODEL_LABEL: deployment.name, "ray.io/node-type": "worker"}}
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": object_metadata(deployment, owner, disruption_budget_name(deployment.name)),
        "spec": {"maxUnavailable": 1, "selector": selector, "unhealthyPodEvictionPolicy": "AlwaysAllow"},
    }
