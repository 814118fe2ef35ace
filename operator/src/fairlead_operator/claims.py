"""The names that all ModelDeployments of the watched namespaces claim."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from fairlead_operator.observed import Claim, Identity, Json


@dataclass(slots=True)
class Claims:
    """Who claims which name."""

    _claims: dict[Identity, Claim] = field(default_factory=dict)
    _claimants: dict[str, set[Identity]] = field(default_factory=lambda: defaultdict(set))

    def note(self, deployment: Json) -> set[Identity]:
        """Note what a ModelDeployment claims now, and return the others to whom that may matter."""
        identity = identity_of(deployment)
        claim = claim_of(deployment)
        before = self._claims.get(identity)
        if before == claim:
            return set()
        touched = self._drop(identity)
        self._claims[identity] = claim
        for name in claim.names:
            self._claimants[name].add(identity)
        return (touched | self._claiming(claim.names)) - {identity}

    def forget(self, identity: Identity) -> set[Identity]:
        """Let a ModelDeployment that is gone claim nothing, and return the others to whom that may matter."""
        return self._drop(identity)

    def rivals(self, deployment: Json) -> tuple[Claim, ...]:
        """Return the claims of all others that claim one of a ModelDeployment's names."""
        identity = identity_of(deployment)
        others = self._claiming(claim_of(deployment).names) - {identity}
        return tuple(sorted(self._claims[other] for other in others))

    def _drop(self, identity: Identity) -> set[Identity]:
        claim = self._claims.pop(identity, None)
        if claim is None:
            return set()
        for name in claim.names:
            self._claimants[name].discard(identity)
        return self._claiming(claim.names)

    def _claiming(self, names: Iterable[str]) -> set[Identity]:
        return {identity for name in names for identity in self._claimants.get(name, ())}


def identity_of(deployment: Json) -> Identity:
    """Return by what a ModelDeployment is known."""
    return deployment["metadata"]["namespace"], deployment["metadata"]["name"]


def claim_of(deployment: Json) -> Claim:
    """Return what a ModelDeployment claims, valid or not: the API server has checked the form of its names."""
    metadata, model = deployment["metadata"], deployment["spec"]["model"]
    names = (model.get("name") or metadata["name"], *model.get("aliases", ()))
    return Claim(metadata["creationTimestamp"], metadata["namespace"], metadata["name"], names)
