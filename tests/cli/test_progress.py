"""How far models are, in words."""

import pytest

from fairlead_cli.progress import LineLog, describe, fraction
from fairlead_cli.status import ModelStatus, Phase


def row(phase: Phase, **fields: object) -> ModelStatus:
    return ModelStatus("demo", ("demo",), "vllm", phase, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "state, words",
    [
        (row(Phase.PENDING, message="internal"), "waiting for Ray Serve"),
        (row(Phase.STARTING), "starting a replica"),
        (row(Phase.DOWNLOADING), "downloading"),
        (
            row(Phase.DOWNLOADING, download_bytes=25_000_000, download_total_bytes=1_000_000_000),
            "downloading 2 % (25 of 1,000 MB)",
        ),
        (
            row(Phase.DOWNLOADING, download_bytes=500_000_000, download_total_bytes=1_000_000_000, download_left_s=100),
            "downloading 50 % (500 of 1,000 MB), 1m40s left",
        ),
        (row(Phase.LOADING), "loading the model"),
        (row(Phase.LOADING, message="disk full"), "loading the model again; last time: disk full"),
        (row(Phase.READY), "ready"),
        (
            row(Phase.READY, load_s=95.0, kv_cache_tokens=1000, tensor=2),
            "ready (loaded in 1m35s, 1,000 KV-cache tokens, 2 ranks)",
        ),
        (row(Phase.FAILED, message="no such model"), "failed: no such model"),
        (row(Phase.SCALED_TO_ZERO), "scaled to zero"),
    ],
)
def test_words(state: ModelStatus, words: str) -> None:
    """Each state reads as a short phrase."""
    assert describe(state) == words


def test_fraction() -> None:
    """There is a fraction only while something of known size is downloaded, and it never passes 1."""
    assert fraction(row(Phase.LOADING)) is None
    assert fraction(row(Phase.DOWNLOADING)) is None
    assert fraction(row(Phase.DOWNLOADING, download_bytes=1, download_total_bytes=4)) == 0.25
    assert fraction(row(Phase.DOWNLOADING, download_bytes=5, download_total_bytes=4)) == 1.0


def test_a_line_at_each_change() -> None:
    """A log gets a line when a model's phase changes, and none while nothing does."""
    log = LineLog(started_s=100)
    assert log.lines([row(Phase.STARTING)], 100) == ["[    0s] demo: starting a replica"]
    assert log.lines([row(Phase.STARTING)], 101) == []
    assert log.lines([row(Phase.LOADING)], 102) == ["[    2s] demo: loading the model"]


def test_a_reminder_every_ten_seconds() -> None:
    """A log gets a line every ten seconds while a model is not ready, so that nobody thinks it hangs."""
    log = LineLog(started_s=0)
    printed = [second for second in range(31) if log.lines([row(Phase.LOADING)], second)]
    assert printed == [0, 10, 20, 30]


def test_no_reminder_of_what_is_ready() -> None:
    """A ready model is told once."""
    log = LineLog(started_s=0)
    assert [second for second in range(31) if log.lines([row(Phase.READY)], second)] == [0]
