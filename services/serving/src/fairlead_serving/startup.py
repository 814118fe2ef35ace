"""How far a replica's start has come, and what its engine said of itself, as gauges."""

from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from fairlead_contract import telemetry
from fairlead_serving.processes import EngineRank
from fairlead_serving.progress import Pace

UNKNOWN = -1.0
"""What a gauge says of a time that nobody can tell."""


class Phase(Enum):
    """What a replica is doing."""

    DOWNLOADING = "downloading"
    LOADING = "loading"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class EngineFacts:
    """What an engine says of itself once it can answer.

    Attributes:
        startup_s: Seconds from the start of loading until the engine could answer.
        kv_cache_tokens: Tokens that fit into its KV cache.
        max_model_len: Tokens that one request may hold, prompt and answer together.
        ranks: The parallel ranks on this node.
    """

    startup_s: float
    kv_cache_tokens: int
    max_model_len: int
    ranks: tuple[EngineRank, ...]


class Gauges(Protocol):
    """Where facts go: Ray's metrics in a replica, a page of its own in a Job that fetches weights."""

    def set(self, name: str, value: float, **labels: str) -> None:
        """Set a gauge by its name and labels."""


class StartupReport:
    """Tells the outside about phases, progress and facts."""

    def __init__(self, gauges: Gauges) -> None:
        self._gauges = gauges
        self._phase: Phase | None = None
        self._pace = Pace()

    def enter(self, phase: Phase) -> None:
        """Leave the current phase for another."""
        if self._phase is not None and self._phase is not phase:
            self._gauges.set(telemetry.REPLICA_PHASE, 0, phase=self._phase.value)
        self._phase = phase
        self._gauges.set(telemetry.REPLICA_PHASE, 1, phase=phase.value)

    def downloaded(self, done_bytes: int, total_bytes: int) -> None:
        """Tell how much of the model has arrived, and when the rest will."""
        self._pace.note(done_bytes)
        left_s = self._pace.left_s(total_bytes)
        self._gauges.set(telemetry.DOWNLOAD_BYTES, done_bytes)
        self._gauges.set(telemetry.DOWNLOAD_TOTAL_BYTES, total_bytes)
        self._gauges.set(telemetry.DOWNLOAD_REMAINING_SECONDS, UNKNOWN if left_s is None else left_s)

    def started(self, facts: EngineFacts) -> None:
        """Publish what the engine said of itself."""
        self._gauges.set(telemetry.STARTUP_SECONDS, facts.startup_s)
        self._gauges.set(telemetry.KV_CACHE_TOKENS, facts.kv_cache_tokens)
        self._gauges.set(telemetry.MAX_MODEL_LEN, facts.max_model_len)
        for rank in facts.ranks:
            self._gauges.set(telemetry.ENGINE_RANK, 1, rank=str(rank.rank), pid=str(rank.pid))
