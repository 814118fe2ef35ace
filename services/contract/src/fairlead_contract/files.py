"""Files that other processes read while we write them."""

import errno
import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

LOCK_POLL_S = 0.02
PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700


def write_atomically(path: Path, content: str | bytes) -> None:
    """Replace a file at once, so that a reader sees the old content or the new; readable by its owner alone."""
    with _draft(path, content) as draft:
        draft.replace(path)


def create_once(path: Path, content: bytes) -> bytes:
    """Write a private file if there is none, and return what it holds; of two that try at once, one wins.

    The file appears with its content, so that nobody reads half of it.
    """
    if not path.exists():
        with _draft(path, content) as draft, suppress(FileExistsError):
            os.link(draft, path)
    return path.read_bytes()


@contextmanager
def _draft(path: Path, content: str | bytes) -> Iterator[Path]:
    """Write a file beside another, whole and private, for the time of a `with` block."""
    data = content.encode() if isinstance(content, str) else content
    draft = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE_FILE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        yield draft
    finally:
        draft.unlink(missing_ok=True)


def private_folder(path: Path) -> Path:
    """Make a folder (and its parents) that only its owner may enter."""
    path.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
    if path.stat().st_mode & 0o077:
        path.chmod(PRIVATE_FOLDER)
    return path


@contextmanager
def locked(path: Path, *, within_s: float | None = None) -> Iterator[None]:
    """Hold a lock file for the time of a `with` block; it is freed even if the process is killed.

    Whoever holds it is waited for, for at most `within_s` where that is given.

    Raises:
        BlockingIOError: It was held for all that time.
    """
    with path.open("a") as file:
        path.chmod(PRIVATE_FILE)
        if within_s is None:
            fcntl.flock(file, fcntl.LOCK_EX)
        else:
            _lock(file, time.monotonic() + within_s)
        yield


def _lock(file: TextIO, until: float) -> None:
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                raise BlockingIOError(errno.EAGAIN, "another process has been changing it for too long") from None
            time.sleep(LOCK_POLL_S)  # a lock that is freed tells nobody
        else:
            return
