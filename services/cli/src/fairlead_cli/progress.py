"""How far models are, in words. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from fairlead_cli.durations import render_duration
from fairlead_cli.status import ModelStatus, Phase

REMINDER_S = 10.0
"""Seconds after which a log without a terminal gets another line, changed or not."""

_MEGABYTE = 1_000_000


def describe(row: ModelStatus) -> str:
    """Return a model's state in one line without its name."""
    if row.phase is Phase.DOWNLOADING:
        return _download(row)
    if row.phase is Phase.READY:
        return _ready(row)
    words = {
        Phase.PENDING: "waiting for Ray Serve",
        Phase.STARTING: "starting a replica",
        Phase.LOADING: "loading the model",
        Phase.SCALED_TO_ZERO: "scaled to zero",
    }
    text = words.get(row.phase, row.phase.value.lower())
    if not row.message or row.phase is Phase.PENDING:
        return text
    if row.phase in (Phase.STARTING, Phase.LOADING):
        return f"{text} again; last time: {row.message}"
    return f"{text}: {row.message}"


def fraction(row: ModelStatus) -> float | None:
    """Return how much of a download is done, from 0 to 1, or None where nothing is downloaded."""
    if row.phase is not Phase.DOWNLOADING or not row.download_total_bytes:
        return None
    return min(1.0, row.download_bytes / row.download_total_bytes)


@dataclass(slots=True)
class LineLog:
    """Decides which lines a log without a terminal gets: one at each change, and a reminder now and then."""

    started_s: float
    _said: dict[str, tuple[str, float]] = field(default_factory=dict)

    def lines(self, rows: Sequence[ModelStatus], now_s: float) -> list[str]:
        """Return what to print for the rows seen at a monotonic time."""
        fresh = []
        for row in rows:
            text = describe(row)
            kind = row.phase if row.phase is Phase.PENDING else f"{row.phase} {row.message}"
            said, when_s = self._said.get(row.model, ("", 0.0))
            if kind != said or (row.phase is not Phase.READY and now_s - when_s >= REMINDER_S):
                self._said[row.model] = (kind, now_s)
                fresh.append(f"[{render_duration(now_s - self.started_s):>6}] {row.model}: {text}")
        return fresh


def _download(row: ModelStatus) -> str:
    if not row.download_total_bytes:
        return "downloading"
    done, total = row.download_bytes / _MEGABYTE, row.download_total_bytes / _MEGABYTE
    part = f"{100 * row.download_bytes / row.download_total_bytes:.0f} % ({done:,.0f} of {total:,.0f} MB)"
    left = f", {render_duration(row.download_left_s)} left" if row.download_left_s is not None else ""
    return f"downloading {part}{left}"


def _ready(row: ModelStatus) -> str:
    parts = []
    if row.load_s is not None:
        parts.append(f"loaded in {render_duration(row.load_s)}")
    if row.kv_cache_tokens is not None:
        parts.append(f"{row.kv_cache_tokens:,} KV-cache tokens")
    if row.tensor * row.pipeline > 1:
        parts.append(f"{row.tensor * row.pipeline} ranks")
    return "ready" + (f" ({', '.join(parts)})" if parts else "")
