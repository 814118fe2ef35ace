"""What applying manifests would change. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from fairlead_cli.applied import CREATED_ANNOTATION
from fairlead_contract.modeldeployment import ModelDeployment


class Effect(StrEnum):
    """What happens to one model."""

    ADDED = "added"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Change:
    """One model and what happens to it."""

    model: str
    effect: Effect


def plan_changes(wanted: Iterable[ModelDeployment], applied: Iterable[ModelDeployment]) -> list[Change]:
    """Return what applying manifests would change; models that are not among them stay as they are."""
    before = {deployment.name: _essence(deployment) for deployment in applied}
    return [Change(deployment.name, _effect(deployment, before)) for deployment in wanted]


def _effect(deployment: ModelDeployment, before: dict[str, object]) -> Effect:
    if deployment.name not in before:
        return Effect.ADDED
    return Effect.UNCHANGED if before[deployment.name] == _essence(deployment) else Effect.CHANGED


def _essence(deployment: ModelDeployment) -> object:
    """Return what of a manifest makes a difference: all but the note of when it was first applied."""
    annotations = {name: value for name, value in deployment.metadata.annotations.items() if name != CREATED_ANNOTATION}
    return deployment.model_copy(
        update={"metadata": deployment.metadata.model_copy(update={"annotations": annotations})}
    )
