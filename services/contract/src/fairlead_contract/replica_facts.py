"""What replicas, and Jobs that fetch weights, say of themselves on their metrics port. Pure.

Both export the same gauges (`telemetry`). Those of a replica leave through Ray's metrics agent, which puts `ray_`
before each name; a Job's are as they are.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from fairlead_contract import telemetry
from fairlead_contract.status import Progress

_SAMPLE = re.compile(r"^(?:ray_)?(?P<name>fairlead_\w+)\{(?P<labels>.*)\} (?P<value>\S+)")
_LABEL = re.compile(r'(?P<name>\w+)="(?P<value>(?:[^"\\]|\\.)*)"')
_UNITS = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))
_MINUTE_S, _HOUR_S = 60, 3600


@dataclass(frozen=True, slots=True)
class ReplicaFacts:
    """One replica, or one Job that fetches weights, in its own words; None or 0 is what it has not said yet."""

    replica: str
    phase: str | None = None
    """downloading, loading, ready or failed; a Job ends as ready or failed."""

    download_bytes: int = 0
    download_total_bytes: int = 0
    startup_s: float | None = None
    kv_cache_tokens: int | None = None
    max_model_len: int | None = None
    ranks: tuple[tuple[int, int], ...] = ()
    """Rank and pid of each tensor- or pipeline-parallel process."""

    download_left_s: int | None = None
    """Seconds until the weights are there, as the last minute went."""


def parse_facts(exposition: str) -> Mapping[str, tuple[ReplicaFacts, ...]]:
    """Return the facts of every replica by the name of its model, from Prometheus' text format."""
    samples: dict[tuple[str, str], list[tuple[str, dict[str, str], float]]] = defaultdict(list)
    for line in exposition.splitlines():
        if not (match := _SAMPLE.match(line)):
            continue
        labels = {label["name"]: label["value"] for label in _LABEL.finditer(match["labels"])}
        if "model" in labels and "replica" in labels:
            samples[labels["model"], labels["replica"]].append((match["name"], labels, float(match["value"])))
    by_model: dict[str, list[ReplicaFacts]] = defaultdict(list)
    for (model, replica), said in sorted(samples.items()):
        by_model[model].append(_facts(replica, said))
    return {model: tuple(facts) for model, facts in by_model.items()}


def download_progress(facts: Iterable[ReplicaFacts]) -> Progress | None:
    """Return how far the slowest of those that download has come; None where none does."""
    downloading = [one for one in facts if one.phase == "downloading"]
    if not downloading:
        return None
    slowest = min(downloading, key=_done)
    if not slowest.download_total_bytes:
        return Progress(summary="finding out what to download")
    done, total, left_s = slowest.download_bytes, slowest.download_total_bytes, slowest.download_left_s
    summary = render_progress(done, total, left_s)
    percent = _percent(done, total)
    return Progress(summary=summary, percent=percent, bytes_done=done, bytes_total=total, eta_seconds=left_s)


def render_progress(done_bytes: int, total_bytes: int, left_s: float | None) -> str:
    """Return how far a download is: 42% of 15.2 GB, 3 min left."""
    part = f"{_percent(done_bytes, total_bytes)}% of {render_bytes(total_bytes)}"
    return part if left_s is None else f"{part}, {_render_time(int(left_s))} left"


def _percent(done_bytes: int, total_bytes: int) -> int:
    return min(100, 100 * done_bytes // total_bytes)


def render_bytes(size: int) -> str:
    """Return a size as people write it: 2.1 MB, 15.2 GB."""
    for bytes_each, unit in _UNITS:
        if size >= bytes_each:
            return f"{size / bytes_each:.1f} {unit}"
    return f"{size} bytes"


def _done(facts: ReplicaFacts) -> float:
    """The part that is there; 0 where the whole is not known yet."""
    return facts.download_bytes / facts.download_total_bytes if facts.download_total_bytes else 0.0


def _render_time(seconds: int) -> str:
    """Roughly, so that a status that is read again does not differ in what nobody can know."""
    if seconds < _MINUTE_S:
        return "less than a minute"
    if seconds < _HOUR_S:
        return f"{seconds // _MINUTE_S} min"
    return f"{seconds // _HOUR_S} h {seconds % _HOUR_S // _MINUTE_S} min"


def _facts(replica: str, said: list[tuple[str, dict[str, str], float]]) -> ReplicaFacts:
    values = {name: value for name, _, value in said}
    phases = [labels["phase"] for name, labels, value in said if name == telemetry.REPLICA_PHASE and value == 1]
    ranks = [labels for name, labels, value in said if name == telemetry.ENGINE_RANK and value == 1]
    return ReplicaFacts(
        replica=replica,
        phase=phases[0] if phases else None,
        download_bytes=int(values.get(telemetry.DOWNLOAD_BYTES, 0)),
        download_total_bytes=int(values.get(telemetry.DOWNLOAD_TOTAL_BYTES, 0)),
        startup_s=values.get(telemetry.STARTUP_SECONDS),
        kv_cache_tokens=_whole(values.get(telemetry.KV_CACHE_TOKENS)),
        max_model_len=_whole(values.get(telemetry.MAX_MODEL_LEN)),
        ranks=tuple(sorted({(int(labels["rank"]), int(labels["pid"])) for labels in ranks})),
        download_left_s=_whole(values.get(telemetry.DOWNLOAD_REMAINING_SECONDS)),
    )


def _whole(value: float | None) -> int | None:
    """Return a gauge as a number; a negative one says that it is not known."""
    return int(value) if value is not None and value >= 0 else None
