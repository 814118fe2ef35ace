"""How far downloads are, said at most every ten seconds, so that a status does not change all the time."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from fairlead_contract.replica_facts import ReplicaFacts, download_progress
from fairlead_contract.status import Progress
from fairlead_operator.observed import Identity

SAY_EVERY_S = 10.0


@dataclass(slots=True)
class Meter:
    """What was said last of each model's download, and when."""

    _said: dict[Identity, tuple[float, Progress]] = field(default_factory=dict)

    def read(self, identity: Identity, facts: Iterable[ReplicaFacts], now_s: float) -> Progress | None:
        """Return what to say of a model's download at a monotonic time; None where nothing is downloaded."""
        progress = download_progress(facts)
        if progress is None:
            self._said.pop(identity, None)
            return None
        said_s, said = self._said.get(identity, (float("-inf"), progress))
        if now_s - said_s < SAY_EVERY_S:
            return said
        self._said[identity] = (now_s, progress)
        return progress
