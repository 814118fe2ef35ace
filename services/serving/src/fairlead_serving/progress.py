"""How a download goes in time: how fast it is, when it will be over, and a line in the log every ten seconds."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from fairlead_contract.replica_facts import render_bytes, render_progress

Progress = Callable[[int, int], None]
"""Called with the bytes that have arrived and the bytes expected, now and then and from any thread."""

WINDOW_S = 60.0
LINE_EVERY_S = 10.0

logger = logging.getLogger(__name__)


def log_progress() -> None:
    """Let this process's downloads write to standard error; libraries go on to say nothing below a warning."""
    if not logger.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        logger.propagate = False


class Pace:
    """How fast bytes arrived within the last minute."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: deque[tuple[float, int]] = deque()

    def note(self, done_bytes: int) -> None:
        """Take down how much is there now."""
        now_s = self._clock()
        self._seen.append((now_s, done_bytes))
        while len(self._seen) > 2 and self._seen[1][0] <= now_s - WINDOW_S:  # noqa: PLR2004 - the first and the last
            self._seen.popleft()

    @property
    def bytes_per_s(self) -> float:
        """The mean of the last minute; 0 at first."""
        if len(self._seen) < 2:  # noqa: PLR2004 - a pace is between two points
            return 0.0
        (first_s, first), (last_s, last) = self._seen[0], self._seen[-1]
        return max(0.0, (last - first) / (last_s - first_s)) if last_s > first_s else 0.0

    def left_s(self, total_bytes: int) -> float | None:
        """Return the seconds until all is there at this pace; None where nothing arrives."""
        missing = total_bytes - self._seen[-1][1] if self._seen else total_bytes
        if missing <= 0:
            return 0.0
        return missing / self.bytes_per_s if self.bytes_per_s else None


class Narrator:
    """Passes progress on, and repeats it with a line in the log every ten seconds, also while nothing arrives."""

    def __init__(self, uri: str, tell: Progress) -> None:
        self._uri = uri
        self._tell = tell
        self._pace = Pace()
        self._last: tuple[int, int] | None = None
        self._lock = threading.Lock()

    def __call__(self, done_bytes: int, total_bytes: int) -> None:
        """Take down and pass on how far the download is."""
        with self._lock:
            self._last = (done_bytes, total_bytes)
            self._pace.note(done_bytes)
            self._tell(done_bytes, total_bytes)

    def line(self) -> None:
        """Write how far the download is, as it was told last."""
        if self._last is None:
            logger.info("%s: finding out what to download", self._uri)
            return
        done, total = self._last
        self(done, total)
        if total:
            words = render_progress(done, total, self._pace.left_s(total))
            logger.info("%s: %s (%s/s)", self._uri, words, render_bytes(int(self._pace.bytes_per_s)))


@contextmanager
def narrated(uri: str, tell: Progress, every_s: float = LINE_EVERY_S) -> Iterator[Progress]:
    """Yield where a download tells its progress; it is passed on to `tell` and to the log."""
    narrator = Narrator(uri, tell)
    over = threading.Event()

    def repeat() -> None:
        while not over.wait(every_s):
            narrator.line()

    thread = threading.Thread(target=repeat, name="fairlead-download", daemon=True)
    thread.start()
    try:
        yield narrator
    finally:
        over.set()
        thread.join()
