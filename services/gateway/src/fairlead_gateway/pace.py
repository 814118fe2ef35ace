"""How many tokens share one event of a stream: one, unless processors are short.

A streamed token costs processor time at every hop, in small models and at many streams more than its generation. The
engine can put several tokens into one event (vLLM's `stream_interval`; the first token still goes at once), which
divides that cost; clients see the same text in fewer, larger pieces. It is asked for only while tasks wait for
processors, and of a client that names its own interval never.

The measure is Linux's pressure stall information: the share of the last ten seconds in which some task waited
(https://docs.kernel.org/accounting/psi.html). In a container the file of its control group tells of the container, on
a machine without containers of all that share it with the gateway, which are the engines then.
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

PRESSURE_FILES: Final = (Path("/sys/fs/cgroup/cpu.pressure"), Path("/proc/pressure/cpu"))
READ_INTERVAL_S: Final = 1.0

_STEPS: Final = ((40.0, 4), (20.0, 2))
"""From how many per cent of waiting on so many tokens share an event, the highest first."""

_SOME: Final = "some avg10="


def tokens_per_event(pressure_percent: float, most: int) -> int:
    """Return how many tokens are to share an event."""
    wanted = next((tokens for percent, tokens in _STEPS if pressure_percent >= percent), 1)
    return min(wanted, most)


class Pace:
    """The pace of streams that begin now.

    Args:
        most: Tokens that may share an event; 1 gives each its own, whatever the pressure.
        files: Where pressure is told; the first that can be read counts, and without one there is none.
    """

    def __init__(
        self,
        *,
        most: int,
        files: Sequence[Path] = PRESSURE_FILES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most = most
        self._clock = clock
        self._file = next((file for file in files if _pressure_percent(file) is not None), None)
        self._current = 1
        self._read_next = 0.0

    @property
    def tokens_per_event(self) -> int:
        """Tokens that share an event of a stream that begins now; the pressure is looked at once a second at most."""
        if self._most > 1 and self._file is not None and self._clock() >= self._read_next:
            self._read_next = self._clock() + READ_INTERVAL_S
            self._current = tokens_per_event(_pressure_percent(self._file) or 0.0, self._most)
        return self._current


def _pressure_percent(file: Path) -> float | None:
    """Return the share of the last ten seconds in which some task waited, None where the file does not tell."""
    try:
        line = file.read_text(encoding="ascii").partition("\n")[0]
    except OSError:  # also where the kernel knows of pressure but was told not to measure it
        return None
    return float(line.removeprefix(_SOME).partition(" ")[0]) if line.startswith(_SOME) else None
