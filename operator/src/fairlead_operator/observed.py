"""Everything that was seen of one ModelDeployment's surroundings, in one look. Pure.

Objects are JSON as the API server gives it. Whatever plans or judges reads nothing of the world but this.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fairlead_contract.replica_facts import ReplicaFacts

Json = dict[str, Any]

Identity = tuple[str, str]
"""Namespace and name of a ModelDeployment."""


@dataclass(frozen=True, slots=True, order=True)
class Claim:
    """The names that one ModelDeployment claims; of two claims of one name, the lesser holds it.

    The oldest is the least. Two of the same second are told apart by where they lie, which every part of the platform
    sees alike.
    """

    created_at: str
    """As the API server writes it, which sorts by time."""

    namespace: str
    name: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GatewayView:
    """How one gateway routes the model."""

    gateway: str
    """Its address."""

    generation: int | None
    """Of the spec that it routes by; None where it does not know the model."""

    state: str = ""
    running: int = 0
    """Requests in flight."""


@dataclass(frozen=True, slots=True)
class Observed:
    """One look at the world around one ModelDeployment."""

    at: datetime
    rayservice: Json | None = None
    has_kuberay: bool = True
    """Whether the API server knows RayServices."""

    pods: tuple[Json, ...] = ()
    """Pods that carry the model's label: Ray's head and workers, and those of the weights job."""

    warnings: tuple[Json, ...] = ()
    """Events of type Warning about the model's objects; read only while something is in the way."""

    job: Json | None = None
    """The job that fetches the weights."""

    volume_claim: Json | None = None
    """The volume claim in which the weights lie."""

    gateways: tuple[GatewayView, ...] = ()
    """One per gateway that answers."""

    facts: tuple[ReplicaFacts, ...] = ()
    """What replicas and the weights job say of themselves."""

    rivals: tuple[Claim, ...] = ()
    """The claims of every other ModelDeployment that claims one of the same names."""


def taken_names(claim: Claim, rivals: Iterable[Claim]) -> dict[str, Claim]:
    """Return which of a ModelDeployment's names belong to an older one, and to which."""
    older = sorted((rival for rival in rivals if rival < claim), reverse=True)
    holders = {name: rival for rival in older for name in rival.names}
    return {name: holders[name] for name in claim.names if name in holders}
