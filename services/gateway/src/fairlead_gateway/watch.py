"""Files that change while the gateway runs.

A poll of `stat` every half second costs microseconds, needs no thread, and sees atomic replacement (rename, and the
symbolic links of a mounted ConfigMap) as well as edits in place.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from fairlead_gateway.current import Kept

Parsed = TypeVar("Parsed")
Identity = tuple[int, int, int, int]

MAX_FILE_BYTES = 16 * 1024 * 1024

log = logging.getLogger(__name__)


class WatchedFile(Kept[Parsed]):
    """A file and what its last good content meant.

    Args:
        path: The file; it may be absent at first and appear later.
        parse: Turns the content into a value; whatever it raises means that the content is not obeyed.
        absent: The value until the file has been read once.
        on_read: Called with the file's name after every reading, and with whether it succeeded, for metrics.
    """

    def __init__(
        self,
        path: Path,
        parse: Callable[[bytes], Parsed],
        *,
        absent: Parsed,
        on_read: Callable[[str, bool], None] | None = None,
    ) -> None:
        super().__init__(path.name, parse, absent=absent, on_read=on_read)
        self.path = path
        self._seen: Identity | None = None

    def poll(self) -> bool:
        """Read the file where it changed since the last poll; return whether there is a new value."""
        identity = self._identity()
        if identity is None:
            self.complain("the file is missing")
            self._seen = None
            return False
        if identity == self._seen:
            return False
        self._seen = identity
        try:
            content = _content(self.path)
        except (OSError, ValueError) as error:
            self.complain(str(error))
            return False
        return self.take(content)

    def _identity(self) -> Identity | None:
        try:
            stat = self.path.stat()
        except OSError:
            return None
        return stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino, stat.st_size


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
