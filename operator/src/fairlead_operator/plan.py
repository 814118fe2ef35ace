"""What should be there for one ModelDeployment, given all that was seen. Pure.

`plan` is the operator's whole intent: what it applies, what it deletes, and whether the ModelDeployment may go. The
same look at the world gives the same plan, so the operator may be killed at any step and starts where it was.
"""

from dataclasses import dataclass

from fairlead_contract.modeldeployment import ModelDeployment
from fairlead_contract.yaml_documents import Json
from fairlead_operator.observed import Observed
from fairlead_operator.surroundings import Surroundings


@dataclass(frozen=True, slots=True)
class Ref:
    """Where one object lies."""

    api_version: str
    kind: str
    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a ModelDeployment is not accepted: the reason for programs, and a sentence that says what to do."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Choice:
    """Something that the manifest left open: what was taken, and why."""

    what: str
    taken: str
    why: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be brought about."""

    apply: tuple[Json, ...] = ()
    """Objects, each with its owner, in this order, by server-side apply."""

    delete: tuple[Ref, ...] = ()
    """Objects that were seen and shall go, with what they own."""

    finalizer: bool = True
    """Whether the ModelDeployment must not vanish yet."""

    template: str | None = None
    """The version of the pod templates; None where no pods are planned."""

    new_cluster: bool = False
    """Whether applying this replaces a Ray cluster that runs."""

    refusal: Refusal | None = None
    choices: tuple[Choice, ...] = ()


def plan(deployment: ModelDeployment, *, metadata: Json, observed: Observed, surroundings: Surroundings) -> Plan:
    """Plan one ModelDeployment.

    Args:
        deployment: As its manifest says.
        metadata: The object's own, as the API server gives it: namespace, uid, creationTimestamp, deletionTimestamp.
        observed: What was seen.
        surroundings: What the operator was given when it started.
    """
    raise NotImplementedError
