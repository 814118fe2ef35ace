"""Who owns which served name: one owner each, the oldest."""

from collections.abc import Iterable

from fairlead_contract.errors import ManifestError, Mistake, NameTaken
from fairlead_contract.modeldeployment import ModelDeployment


def check_names(wanted: Iterable[ModelDeployment], applied: Iterable[ModelDeployment] = ()) -> None:
    """Check that no model would take a name from another.

    Args:
        wanted: The manifests that are to be applied, in the order in which they were read.
        applied: The manifests that are in force; one of the same metadata.name is about to be replaced.

    Raises:
        ManifestError: Two manifests have the same metadata.name.
        NameTaken: A served name or alias has an owner already; every clash in one line of its own.
    """
    wanted = list(wanted)
    _check_unique(wanted)
    replaced = {deployment.name for deployment in wanted}
    owners: dict[str, str] = {}
    for deployment in applied:
        if deployment.name not in replaced:
            owners |= dict.fromkeys(deployment.names, deployment.name)
    clashes = []
    for deployment in wanted:
        for name in deployment.names:
            owner = owners.setdefault(name, deployment.name)
            if owner != deployment.name:
                clashes.append(
                    f"{deployment.name}: the name {name!r} belongs to the ModelDeployment {owner!r}; "
                    f"choose another, or delete {owner!r} first"
                )
    if clashes:
        raise NameTaken("\n".join(clashes), param="spec.model.name")


def _check_unique(wanted: list[ModelDeployment]) -> None:
    names = [deployment.name for deployment in wanted]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        remedy = "keep one manifest of each name"
        raise ManifestError(
            "the manifests", [Mistake("metadata.name", f"{name!r} is declared twice", remedy) for name in twice]
        )
