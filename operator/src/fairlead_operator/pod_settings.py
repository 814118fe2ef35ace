"""The settings by which a model's pods are rendered, kept with what was rendered. Pure.

KubeRay replaces a whole cluster when one byte of its pods changes, for twice the GPUs meanwhile. So the pods of a model
that runs are rendered again from the settings and the version of the templates with which they were made, whatever the
operator's own have become; they move when the model needs another cluster anyway, or when its owner says so.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

from fairlead_contract.modeldeployment import ModelDeployment
from fairlead_contract.names import (
    CLUSTER_ANNOTATION,
    POD_SETTINGS_ANNOTATION,
    ROLLOUT_ANNOTATION,
    TEMPLATE_ANNOTATION,
)
from fairlead_contract.yaml_documents import Json
from fairlead_operator.accelerators import Accelerator
from fairlead_operator.settings import GcsFaultTolerance, HeadSize, PullPolicy, WeightsCache
from fairlead_operator.surroundings import Surroundings

_IGNORED_BY_KUBERAY = ("replicas", "minReplicas", "maxReplicas")


class PodSettings(BaseModel):
    """What pods are rendered from besides the ModelDeployment: some of the operator's settings, by the same names.

    A field that is added gets a default by which what was rendered without it stays as it is.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    serving_image: str
    image_pull_policy: PullPolicy
    image_pull_secrets: tuple[str, ...]
    ray_version: str
    head: HeadSize
    weights: WeightsCache
    longest_stream_s: int
    gcs_fault_tolerance: GcsFaultTolerance | None
    tracing: dict[str, str]
    replica_first_port: int
    replica_last_port: int
    accelerators: dict[str, Accelerator]
    """The kind of GPU that the model runs on; none without one."""

    @classmethod
    def of(cls, deployment: ModelDeployment, surroundings: Surroundings) -> Self:
        """Return the operator's present settings for one model; its accelerator must be known."""
        kind = deployment.spec.resources.accelerator
        chosen = {name: getattr(surroundings.settings, name) for name in cls._names()}
        return cls(**chosen, accelerators={kind: surroundings.accelerators[kind]} if kind else {})

    def instead_of(self, surroundings: Surroundings) -> Surroundings:
        """Return surroundings in which these settings hold."""
        kept = {name: getattr(self, name) for name in self._names()}
        settings = surroundings.settings.model_copy(update=kept)
        return replace(surroundings, settings=settings, accelerators=self.accelerators)

    def know(self, deployment: ModelDeployment) -> bool:
        """Return whether the model's kind of GPU is among them."""
        kind = deployment.spec.resources.accelerator
        return kind is None or kind in self.accelerators

    @classmethod
    def _names(cls) -> list[str]:
        return [name for name in cls.model_fields if name != "accelerators"]


@dataclass(frozen=True, slots=True)
class Rendering:
    """By what a Ray cluster is rendered, and what came of it."""

    template: str
    settings: PodSettings
    rollout: str
    """What the ModelDeployment's annotation said when it last moved; empty if nothing."""

    cluster: str
    """Changes whenever KubeRay would build another cluster."""

    @property
    def annotations(self) -> dict[str, str]:
        """What the RayService says of it, for the next look."""
        said = {
            TEMPLATE_ANNOTATION: self.template,
            POD_SETTINGS_ANNOTATION: self.settings.model_dump_json(by_alias=True),
            CLUSTER_ANNOTATION: self.cluster,
        }
        return said | ({ROLLOUT_ANNOTATION: self.rollout} if self.rollout else {})

    @classmethod
    def read(cls, rayservice: Mapping[str, Json]) -> Self | None:
        """Return what a RayService says of itself; None if that cannot be understood."""
        said = rayservice["metadata"].get("annotations", {})
        try:
            settings = PodSettings.model_validate_json(said[POD_SETTINGS_ANNOTATION])
            rollout = said.get(ROLLOUT_ANNOTATION, "")
            return cls(said[TEMPLATE_ANNOTATION], settings, rollout, said[CLUSTER_ANNOTATION])
        except (KeyError, ValidationError):
            return None


def fingerprint(cluster: Mapping[str, Json]) -> str:
    """Return 16 hex digits that change whenever KubeRay would build another cluster.

    KubeRay overlooks the bounds of worker groups, and tolerations, which Kueue adds to.
    """
    groups = [
        {name: value for name, value in group.items() if name not in _IGNORED_BY_KUBERAY} for group in _groups(cluster)
    ]
    heard = {**cluster, "headGroupSpec": _untolerant(cluster["headGroupSpec"]), "workerGroupSpecs": groups}
    canonical = json.dumps(heard, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def _groups(cluster: Mapping[str, Json]) -> list[Json]:
    return [_untolerant(group) for group in cluster["workerGroupSpecs"]]


def _untolerant(group: Mapping[str, Json]) -> Json:
    template = group["template"]
    spec = {name: value for name, value in template["spec"].items() if name != "tolerations"}
    return {**group, "template": {**template, "spec": spec}}
