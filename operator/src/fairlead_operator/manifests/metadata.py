"""What every object of a model says of itself: whose it is, and what the user says of the model. Pure."""

from collections.abc import Mapping
from typing import Final

from fairlead_contract.modeldeployment import ModelDeployment
from fairlead_contract.names import API_GROUP, API_VERSION, FIELD_MANAGER, KIND, MODEL_LABEL
from fairlead_contract.yaml_documents import Json

_TRACKING: Final = (
    "app.kubernetes.io/",
    "argocd.argoproj.io/",
    "helm.sh/",
    "helm.toolkit.fluxcd.io/",
    "kustomize.toolkit.fluxcd.io/",
    f"{API_GROUP}/",
)
"""How labels start by which tools know what is theirs: on our objects, such a tool would prune them."""

_OF_RAY: Final = "ray.io/"
_OF_RAY_FOR_SCHEDULERS: Final = (
    "ray.io/gang-scheduling-enabled",
    "ray.io/priority-class-name",
    "ray.io/scheduler-name",
)
"""The other labels of Ray's are KubeRay's own."""

_SCHEDULERS: Final = (
    "kueue.x-k8s.io/",
    "provreq.kueue.x-k8s.io/",
    "volcano.sh/",
    "scheduling.volcano.sh/",
    "scheduling.k8s.io/",
    "scheduling.x-k8s.io/",
    "yunikorn.apache.org/",
    "kai.scheduler/",
)
"""How annotations start that a scheduler reads. Others may hold what their tools keep of the ModelDeployment alone."""


def object_metadata(
    deployment: ModelDeployment, owner: Mapping[str, Json], name: str, *, annotations: Mapping[str, str] | None = None
) -> Json:
    """Return the metadata of one object.

    Args:
        deployment: The model.
        owner: The ModelDeployment's own metadata.
        name: The object's name.
        annotations: Of the object.
    """
    metadata: Json = {
        "name": name,
        "namespace": owner["namespace"],
        "labels": own_labels(deployment),
        "ownerReferences": [
            {
                "apiVersion": API_VERSION,
                "kind": KIND,
                "name": deployment.name,
                "uid": owner["uid"],
                "controller": True,
                "blockOwnerDeletion": True,
            }
        ],
    }
    return metadata | ({"annotations": dict(annotations)} if annotations else {})


def owned(found: Json, deployment: ModelDeployment, owner: Mapping[str, Json]) -> Json:
    """Return an object, with what it says of itself, as one of the model's."""
    said = found["metadata"]
    metadata = object_metadata(deployment, owner, said["name"])
    return {**found, "metadata": {**said, **metadata, "labels": metadata["labels"] | said.get("labels", {})}}


def is_ours(found: Json, owner: Mapping[str, Json]) -> bool:
    """Return whether an object that was seen belongs to the ModelDeployment."""
    return any(each["uid"] == owner["uid"] for each in found["metadata"].get("ownerReferences", []))


def own_labels(deployment: ModelDeployment) -> dict[str, str]:
    """Return the labels of everything that is made for a model."""
    return {
        MODEL_LABEL: deployment.name,
        "app.kubernetes.io/name": "fairlead",
        "app.kubernetes.io/component": "model",
        "app.kubernetes.io/instance": deployment.name,
        "app.kubernetes.io/managed-by": FIELD_MANAGER,
    }


def passed_labels(deployment: ModelDeployment) -> dict[str, str]:
    """Return the user's labels that go on to the RayService, and by KubeRay's doing to its clusters.

    They do not go on to pods, where a change would replace the cluster.
    """
    return {name: value for name, value in sorted(deployment.metadata.labels.items()) if _is_passed(name)}


def passed_annotations(deployment: ModelDeployment) -> dict[str, str]:
    """Return the user's annotations that go on to the RayService: those of schedulers."""
    return {
        name: value for name, value in sorted(deployment.metadata.annotations.items()) if name.startswith(_SCHEDULERS)
    }


def _is_passed(label: str) -> bool:
    if label.startswith(_OF_RAY):
        return label in _OF_RAY_FOR_SCHEDULERS
    return not label.startswith(_TRACKING)
