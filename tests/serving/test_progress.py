"""How downloads are told."""

import logging
import threading

import pytest

from fairlead_serving import progress
from fairlead_serving.progress import Pace, narrated


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def pace_of(*points: tuple[float, int]) -> Pace:
    clock = Clock()
    pace = Pace(clock)
    for now_s, done in points:
        clock.now_s = now_s
        pace.note(done)
    return pace


def test_the_pace_is_that_of_the_last_minute() -> None:
    """A download that became slower is judged by its last minute."""
    pace = pace_of((0, 0), (1, 1_000_000), (100, 1_000_000), (130, 1_300_000), (160, 1_600_000))
    assert pace.bytes_per_s == 10_000
    assert pace.left_s(1_700_000) == 10


@pytest.mark.parametrize(
    "points,left_s",
    [
        ((), None),
        (((0.0, 500),), None),
        (((0.0, 500), (61.0, 500)), None),
        (((0.0, 500), (1.0, 1000)), 0.0),
    ],
)
def test_nobody_knows_how_long_nothing_takes(points: tuple[tuple[float, int], ...], left_s: float | None) -> None:
    """Where nothing arrives there is no time to tell; where all is there, none is left."""
    assert pace_of(*points).left_s(1000) == left_s


def test_a_line_now_and_then_also_while_nothing_arrives(caplog: pytest.LogCaptureFixture) -> None:
    """Progress goes on to others at once, and into the log again and again while a download stands still."""
    told: list[tuple[int, int]] = []
    lines = threading.Semaphore(0)

    class Counter(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.release()

    counter = Counter()
    progress.logger.addHandler(counter)
    try:
        with (
            caplog.at_level(logging.INFO, progress.logger.name),
            narrated("hf://a/b", lambda *now: told.append(now), 0.01) as tell,
        ):
            assert lines.acquire(timeout=10)
            tell(500_000, 2_000_000)
            assert told[-1] == (500_000, 2_000_000)
            for _ in range(3):
                assert lines.acquire(timeout=10)
    finally:
        progress.logger.removeHandler(counter)
    assert caplog.messages[0] == "hf://a/b: finding out what to download"
    assert caplog.messages[-1] == "hf://a/b: 25% of 2.0 MB (0 bytes/s)"
