"""What replicas, and the job that fetches weights, say of themselves in Prometheus' text format. Pure.

Replicas speak through Ray's metrics agent, which puts `ray_` before each name; the job speaks for itself.
"""

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from fairlead_contract import telemetry

RAY_PREFIX = "ray_"

_OURS = (f"{RAY_PREFIX}fairlead_", "fairlead_")
_SAMPLE = re.compile(r"^(?P<name>[a-zA-Z_:][\w:]*)\{(?P<labels>.*)\} (?P<value>\S+)")
_LABEL = re.compile(r'(?P<name>\w+)="(?P<value>(?:[^"\\]|\\.)*)"')


@dataclass(frozen=True, slots=True)
class ReplicaFacts:
    """One replica in its own words; None or 0 is what it has not said yet."""

    replica: str
    phase: str | None = None
    """downloading, loading, ready or failed."""

    download_bytes: int = 0
    download_total_bytes: int = 0
    startup_s: float | None = None
    kv_cache_tokens: int | None = None
    max_model_len: int | None = None
    ranks: tuple[tuple[int, int], ...] = ()
    """Rank and pid of each tensor- or pipeline-parallel process."""


def parse_facts(exposition: str) -> Mapping[str, tuple[ReplicaFacts, ...]]:
    """Return the facts of every replica by the name of its model."""
    samples: dict[tuple[str, str], list[tuple[str, dict[str, str], float]]] = defaultdict(list)
    for line in exposition.splitlines():
        if not line.startswith(_OURS) or not (match := _SAMPLE.match(line)):
            continue
        labels = {label["name"]: label["value"] for label in _LABEL.finditer(match["labels"])}
        if "model" in labels:
            key = labels["model"], labels.get("replica", "")
            samples[key].append((match["name"].removeprefix(RAY_PREFIX), labels, float(match["value"])))
    by_model: dict[str, list[ReplicaFacts]] = defaultdict(list)
    for (model, replica), said in sorted(samples.items()):
        by_model[model].append(_facts(replica, said))
    return {model: tuple(facts) for model, facts in by_model.items()}


def _facts(replica: str, said: list[tuple[str, dict[str, str], float]]) -> ReplicaFacts:
    values = {name: value for name, _, value in said}
    phases = [labels["phase"] for name, labels, value in said if name == telemetry.REPLICA_PHASE and value == 1]
    ranks = [labels for name, labels, value in said if name == telemetry.ENGINE_RANK and value == 1]
    kv_cache_tokens = values.get(telemetry.KV_CACHE_TOKENS)
    max_model_len = values.get(telemetry.MAX_MODEL_LEN)
    return ReplicaFacts(
        replica=replica,
        phase=phases[0] if phases else None,
        download_bytes=int(values.get(telemetry.DOWNLOAD_BYTES, 0)),
        download_total_bytes=int(values.get(telemetry.DOWNLOAD_TOTAL_BYTES, 0)),
        startup_s=values.get(telemetry.STARTUP_SECONDS),
        kv_cache_tokens=int(kv_cache_tokens) if kv_cache_tokens is not None else None,
        max_model_len=int(max_model_len) if max_model_len is not None else None,
        ranks=tuple(sorted({(int(labels["rank"]), int(labels["pid"])) for labels in ranks})),
    )
