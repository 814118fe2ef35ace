"""How far a replica's start has come, and what its engine said of itself, as metrics.

Ray's metrics agent exports them before the replica's port is open, on one machine and in a cluster alike.
"""

import asyncio
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from ray.util.metrics import Gauge

from fairlead_contract import telemetry
from fairlead_serving.processes import EngineRank

REPEAT_EVERY_S = 1.0


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
    """Where facts go; Ray's metrics in a replica."""

    def set(self, name: str, value: float, **labels: str) -> None:
        """Set a gauge by its name and labels."""


class RayGauges:
    """Gauges of `ray.util.metrics`, with the replica's own labels on all of them.

    Ray forgets a gauge that is not set again within two export intervals, so that a dead replica's facts vanish; those
    of a living one must be repeated.
    """

    def __init__(self, *, model: str, replica: str) -> None:
        self._labels = {"model": model, "replica": replica}
        self._gauges: dict[str, Gauge] = {}
        self._values: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}

    def set(self, name: str, value: float, **labels: str) -> None:
        """Set a gauge by its name and labels, now and with every repetition."""
        self._values[name, tuple(labels.items())] = value
        self._export(name, value, labels)

    def repeat(self) -> None:
        """Set all gauges again to what they are."""
        for (name, labels), value in list(self._values.items()):
            self._export(name, value, dict(labels))

    async def repeat_for_ever(self) -> None:
        """Repeat all gauges every second."""
        while True:
            self.repeat()
            await asyncio.sleep(REPEAT_EVERY_S)

    def _export(self, name: str, value: float, labels: dict[str, str]) -> None:
        tags = self._labels | labels
        if name not in self._gauges:
            self._gauges[name] = Gauge(name, tag_keys=tuple(tags))
        self._gauges[name].set(value, tags=tags)


class StartupReport:
    """Tells the outside about phases, progress and facts."""

    def __init__(self, gauges: Gauges) -> None:
        self._gauges = gauges
        self._phase: Phase | None = None

    def enter(self, phase: Phase) -> None:
        """Leave the current phase for another."""
        if self._phase is not None and self._phase is not phase:
            self._gauges.set(telemetry.REPLICA_PHASE, 0, phase=self._phase.value)
        self._phase = phase
        self._gauges.set(telemetry.REPLICA_PHASE, 1, phase=phase.value)

    def downloaded(self, done_bytes: int, total_bytes: int) -> None:
        """Tell how much of the model has arrived."""
        self._gauges.set(telemetry.DOWNLOAD_BYTES, done_bytes)
        self._gauges.set(telemetry.DOWNLOAD_TOTAL_BYTES, total_bytes)

    def started(self, facts: EngineFacts) -> None:
        """Publish what the engine said of itself."""
        self._gauges.set(telemetry.STARTUP_SECONDS, facts.startup_s)
        self._gauges.set(telemetry.KV_CACHE_TOKENS, facts.kv_cache_tokens)
        self._gauges.set(telemetry.MAX_MODEL_LEN, facts.max_model_len)
        for rank in facts.ranks:
            self._gauges.set(telemetry.ENGINE_RANK, 1, rank=str(rank.rank), pid=str(rank.pid))
