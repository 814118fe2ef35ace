"""Files that change while the gateway runs: the last good content is kept, and a broken edit is told, not obeyed.

A poll of `stat` every half second costs microseconds, needs no thread, and sees atomic replacement (rename, and the
symbolic links of a mounted ConfigMap) as well as edits in place.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

Parsed = TypeVar("Parsed")
Identity = tuple[int, int, int, int]

MAX_FILE_BYTES = 16 * 1024 * 1024

log = logging.getLogger(__name__)


class WatchedFile(Generic[Parsed]):
    """A file and what its last good content meant.

    Args:
        path: The file; it may be absent at first and appear later.
        parse: Turns the content into a value; whatever it raises means that the content is not obeyed.
        absent: The value until the file has been read once.
        on_read: Called after every reading with whether it succeeded, for metrics.
    """

    def __init__(
        self,
        path: Path,
        parse: Callable[[bytes], Parsed],
        *,
        absent: Parsed,
        on_read: Callable[[Path, bool], None] | None = None,
    ) -> None:
        self.path = path
        self.value = absent
        self.loaded = False
        self.problem: str | None = None
        self._parse = parse
        self._on_read = on_read
        self._seen: Identity | None = None

    def poll(self) -> bool:
        """Read the file where it changed since the last poll; return whether there is a new value."""
        identity = self._identity()
        if identity is None:
            self._complain("the file is missing")
            self._seen = None
            return False
        if identity == self._seen:
            return False
        self._seen = identity
        return self._read()

    def _identity(self) -> Identity | None:
        try:
            stat = self.path.stat()
        except OSError:
            return None
        return stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino, stat.st_size

    def _read(self) -> bool:
        try:
            value = self._parse(_content(self.path))
        except Exception as error:  # noqa: BLE001 - no mistake in a file may take the gateway down
            self._complain(str(error) or type(error).__name__)
            return False
        self.value, self.loaded, self.problem = value, True, None
        log.info("%s: read", self.path.name)
        self._tell(ok=True)
        return True

    def _complain(self, problem: str) -> None:
        if problem == self.problem:
            return
        self.problem = problem
        kept = "the last good content stays in force" if self.loaded else "nothing of it is in force"
        log.error("%s: %s; %s", self.path.name, problem, kept)
        self._tell(ok=False)

    def _tell(self, *, ok: bool) -> None:
        if self._on_read is not None:
            self._on_read(self.path, ok)


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        content = file.read(MAX_FILE_BYTES + 1)
    if len(content) > MAX_FILE_BYTES:
        raise ValueError(f"the file is larger than {MAX_FILE_BYTES} bytes")
    return content


async def watch(files: Sequence[WatchedFile[Any]], *, interval_s: float = 0.5) -> None:
    """Poll files until cancelled; a change is in force at most `interval_s` after it was made."""
    while True:
        for file in files:
            try:
                file.poll()
            except Exception:  # keys could no longer be revoked if this loop ended
                log.exception("%s could not be looked at; trying again", file.path.name)
        await asyncio.sleep(interval_s)
