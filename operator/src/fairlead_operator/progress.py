"""How far the weights of each model are, said at most every ten seconds, so that a status does not always change."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from fairlead_contract.replica_facts import ReplicaFacts
from fairlead_contract.status import Progress
from fairlead_operator.observed import Identity

SAY_EVERY_S = 10.0
_UNITS = ((10**12, "TB"), (10**9, "GB"), (10**6, "MB"))


@dataclass(slots=True)
class _Download:
    """One model's slowest download, from when it was seen first."""

    since_s: float
    since_bytes: int
    total_bytes: int
    said_s: float
    said: Progress


@dataclass(slots=True)
class Meter:
    """The downloads of all models."""

    _downloads: dict[Identity, _Download] = field(default_factory=dict)

    def read(self, identity: Identity, facts: Sequence[ReplicaFacts], now_s: float) -> Progress | None:
        """Return how far a model's slowest download is at a monotonic time, or None where nothing is downloaded."""
        slowest = _slowest(facts)
        if slowest is None:
            self._downloads.pop(identity, None)
            return None
        done, total = slowest.download_bytes, slowest.download_total_bytes
        known = self._downloads.get(identity)
        if known is None or known.total_bytes != total or done < known.since_bytes:
            said = _progress(done, total, rate=0.0)
            self._downloads[identity] = _Download(now_s, done, total, now_s, said)
            return said
        if now_s - known.said_s >= SAY_EVERY_S:
            known.said = _progress(done, total, rate=(done - known.since_bytes) / (now_s - known.since_s))
            known.said_s = now_s
        return known.said


def _slowest(facts: Sequence[ReplicaFacts]) -> ReplicaFacts | None:
    loading = [each for each in facts if each.phase == "downloading" and each.download_total_bytes]
    return min(loading, key=lambda each: each.download_bytes / each.download_total_bytes, default=None)


def _progress(done: int, total: int, *, rate: float) -> Progress:
    """Return what is said of a download.

    Args:
        done: Bytes that have arrived.
        total: Bytes expected.
        rate: Bytes per second; 0 while it is not known.
    """
    percent = min(100, 100 * done // total)
    eta_s = int(max(0, total - done) / rate) if rate else None
    left = f", {_duration(eta_s)} left" if eta_s is not None else ""
    return Progress(
        summary=f"{percent}% of {_size(total)}{left}",
        percent=percent,
        bytes_done=done,
        bytes_total=total,
        eta_seconds=eta_s,
    )


def _size(size_bytes: int) -> str:
    for unit_bytes, name in _UNITS:
        if size_bytes >= unit_bytes:
            return f"{size_bytes / unit_bytes:.1f} {name}"
    return f"{size_bytes} bytes"


def _duration(seconds: int) -> str:
    if seconds < 60:  # noqa: PLR2004 - a minute
        return f"{seconds} s"
    minutes = -(-seconds // 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"  # noqa: PLR2004 - an hour
