"""Why a ModelDeployment cannot be served as it stands, beyond what the API server checks. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from fairlead_contract.modeldeployment import ModelDeployment
from fairlead_contract.names import identity_of
from fairlead_contract.yaml_documents import Json
from fairlead_operator.manifests.metadata import is_ours
from fairlead_operator.observed import Claim, Observed, taken_names
from fairlead_operator.surroundings import Surroundings
from fairlead_operator.weights import weights_refusal


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a ModelDeployment is not accepted: the reason for programs, and a sentence that says what to do."""

    reason: str
    message: str


def refusal_of(
    deployment: ModelDeployment, metadata: Mapping[str, Json], observed: Observed, surroundings: Surroundings
) -> Refusal | None:
    """Return the first reason against a model; None if it can be served."""
    return (
        _name_taken(deployment, metadata, observed)
        or _foreign_rayservice(deployment, metadata, observed)
        or _unknown_accelerator(deployment, surroundings)
        or _unreachable_source(deployment, surroundings)
    )


def _name_taken(deployment: ModelDeployment, metadata: Mapping[str, Json], observed: Observed) -> Refusal | None:
    claim = Claim(metadata["creationTimestamp"], metadata["namespace"], deployment.name, deployment.names)
    taken = taken_names(claim, observed.rivals)
    if not taken:
        return None
    name, holder = next(iter(taken.items()))
    where = identity_of(holder.name, holder.namespace)
    return Refusal("NameTaken", f"the name {name!r} belongs to {where}, which is older; choose another name")


def _foreign_rayservice(
    deployment: ModelDeployment, metadata: Mapping[str, Json], observed: Observed
) -> Refusal | None:
    if observed.rayservice is None or is_ours(observed.rayservice, metadata):
        return None
    return Refusal(
        "NameOccupied",
        f"a RayService {deployment.name} is there already and is not this model's; delete it, or rename the model",
    )


def _unknown_accelerator(deployment: ModelDeployment, surroundings: Surroundings) -> Refusal | None:
    kind = deployment.spec.resources.accelerator
    if kind is None or kind in surroundings.accelerators:
        return None
    known = ", ".join(sorted(surroundings.accelerators))
    return Refusal(
        "UnknownAccelerator",
        f"spec.resources.accelerator is {kind!r}, which the operator does not know; write one of {known},"
        " or add it to the operator's accelerators",
    )


def _unreachable_source(deployment: ModelDeployment, surroundings: Surroundings) -> Refusal | None:
    source = deployment.source
    if source.scheme == "file" and not source.location.startswith("/"):
        return Refusal(
            "InvalidSpec",
            f"spec.model.source is {deployment.spec.model.source!r}, relative to a file that the cluster does not see;"
            " write file:///folder for a folder of the engine's image, or pvc://claim/folder",
        )
    message = weights_refusal(deployment, surroundings.settings)
    return Refusal("InvalidSpec", message) if message else None
