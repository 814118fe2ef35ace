"""The folder of applied manifests: the truth about which models shall run."""

from collections.abc import Iterable
from dataclasses import dataclass

import yaml

from fairlead_cli.errors import UnknownName
from fairlead_cli.home import Home
from fairlead_contract.files import write_atomically
from fairlead_contract.manifest import parse_manifests
from fairlead_contract.modeldeployment import ModelDeployment

_SUFFIX = ".yaml"


@dataclass(frozen=True, slots=True)
class Applied:
    """One manifest in force, and since when."""

    deployment: ModelDeployment
    created_at: int
    """Unix seconds at which the model was first applied."""

    @property
    def name(self) -> str:
        return self.deployment.name


CREATED_ANNOTATION = "fairlead.dev/first-applied-at"


def read_applied(home: Home) -> list[Applied]:
    """Read the manifests in force, oldest first.

    Raises:
        ManifestError: A file in the folder was edited into something else than a manifest.
    """
    found = [
        Applied(deployment, int(deployment.metadata.annotations.get(CREATED_ANNOTATION, "0")))
        for path in home.models.glob(f"*{_SUFFIX}")
        for deployment in parse_manifests(path.read_text(), where=str(path))
    ]
    return sorted(found, key=lambda applied: (applied.created_at, applied.name))


def write_applied(home: Home, deployments: Iterable[ModelDeployment], *, now: int) -> None:
    """Put manifests in force; one that replaces another of its name keeps its age.

    Args:
        home: The state folder.
        deployments: What to put in force.
        now: Unix seconds.
    """
    ages = {applied.name: applied.created_at for applied in read_applied(home)}
    for deployment in deployments:
        write_atomically(
            home.models / f"{deployment.name}{_SUFFIX}", _render(deployment, ages.get(deployment.name, now))
        )


def remove_applied(home: Home, name: str) -> None:
    """Take one manifest out of force.

    Raises:
        UnknownName: No such model is applied.
    """
    known = [applied.name for applied in read_applied(home)]
    if name not in known:
        names = ", ".join(known) or "none is applied"
        raise UnknownName(f"no model {name!r}; applied: {names}", param="name")
    (home.models / f"{name}{_SUFFIX}").unlink()


def _render(deployment: ModelDeployment, created_at: int) -> str:
    annotations = {**deployment.metadata.annotations, CREATED_ANNOTATION: str(created_at)}
    metadata = deployment.metadata.model_copy(update={"annotations": annotations})
    document = deployment.model_copy(update={"metadata": metadata}).model_dump(
        mode="json", by_alias=True, exclude_unset=True
    )
    return str(yaml.safe_dump(document, sort_keys=False, allow_unicode=True))
