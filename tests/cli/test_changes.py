"""What applying manifests would change."""

from fairlead_cli.applied import CREATED_ANNOTATION
from fairlead_cli.changes import Change, Effect, plan_changes
from fairlead_contract.modeldeployment import ModelDeployment
from tests.cli.builders import deployment


def test_new_changed_and_unchanged_models() -> None:
    """Each wanted model is added, changed or unchanged; the others are not mentioned."""
    applied = [deployment("same"), deployment("other"), deployment("bigger")]
    wanted = [deployment("same"), deployment("bigger", scaling={"maxReplicas": 2}), deployment("new")]
    assert plan_changes(wanted, applied) == [
        Change("same", Effect.UNCHANGED),
        Change("bigger", Effect.CHANGED),
        Change("new", Effect.ADDED),
    ]


def test_the_note_of_the_first_time_is_no_change() -> None:
    """The annotation that the CLI itself adds to applied manifests makes no difference."""
    assert plan_changes([deployment()], [noted(deployment())]) == [Change("demo", Effect.UNCHANGED)]


def noted(manifest: ModelDeployment) -> ModelDeployment:
    metadata = manifest.metadata.model_copy(update={"annotations": {CREATED_ANNOTATION: "7"}})
    return manifest.model_copy(update={"metadata": metadata})
