"""Keeps what an engine's processes say while they start, so that a failure can be explained.

Standard output and standard error go through a pipe for the time of the start; everything still reaches the place it
would have gone to. Processes started meanwhile keep the pipe for life, hence so does the thread that empties it.
"""

import os
import threading
import time
from collections import deque
from types import TracebackType
from typing import Self

_STANDARD_STREAMS = (1, 2)
_CHUNK_BYTES = 65536


class OutputCapture:
    """Context manager that tees file descriptors 1 and 2, of this process and of those it starts, into memory.

    Args:
        kept_chunks: How many of the last reads (64 KiB at most each) are kept.
    """

    def __init__(self, kept_chunks: int = 64) -> None:
        self._chunks: deque[bytes] = deque(maxlen=kept_chunks)
        self._written_bytes = 0
        self._saved: list[int] = []

    def __enter__(self) -> Self:
        self._saved = [os.dup(stream) for stream in _STANDARD_STREAMS]
        for stream, original in zip(_STANDARD_STREAMS, self._saved, strict=True):
            self._tee(stream, original)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for stream, original in zip(_STANDARD_STREAMS, self._saved, strict=True):
            os.dup2(original, stream)
            os.close(original)

    def settled_text(self, quiet_s: float = 0.2) -> str:
        """Wait until nothing has been written for a while, and return what was."""
        seen_bytes = -1
        while seen_bytes != self._written_bytes:
            seen_bytes = self._written_bytes
            time.sleep(quiet_s)
        return self.text()

    def text(self) -> str:
        """Return what was written so far, oldest first."""
        return b"".join(list(self._chunks)).decode(errors="replace")

    def _tee(self, stream: int, original: int) -> None:
        read_end, write_end = os.pipe()
        os.dup2(write_end, stream)
        os.close(write_end)
        threading.Thread(
            target=self._pump, args=(read_end, os.dup(original)), name="fairlead-output", daemon=True
        ).start()

    def _pump(self, read_end: int, target: int) -> None:
        while chunk := os.read(read_end, _CHUNK_BYTES):
            self._chunks.append(chunk)
            self._written_bytes += len(chunk)
            _write_all(target, chunk)
        os.close(read_end)
        os.close(target)


def _write_all(target: int, chunk: bytes) -> None:
    view = memoryview(chunk)
    while view:
        try:
            view = view[os.write(target, view) :]
        except OSError:
            return  # nobody listens to the original any more; the engine must not stall for that
