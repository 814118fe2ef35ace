"""A folder of downloaded models, which replicas of one node, or of all that mount it, share.

Each source has a folder of its own, named by `cache_key`. It appears by one rename, when all of it is there and on the
disk: what has the final name is complete. Whoever fetches holds a lock (flock) on the file beside it, which the kernel
takes from the dead; others wait and tell the holder's progress as their own.
"""

import errno
import fcntl
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from fairlead_contract.errors import DownloadFailed
from fairlead_contract.source import Source
from fairlead_contract.weights import cache_key
from fairlead_serving.model_files import DISK_FULL
from fairlead_serving.progress import Progress

WAIT_S = 0.5
TELL_EVERY_S = 1.0
_PARTIAL, _LOCK, _PROGRESS = ".partial", ".lock", ".progress"
_READ_ONLY = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})
_NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP})

Download = Callable[[Path, Progress], None]
"""Fills a folder, which may hold a part already, and tells its progress."""


class WeightsCache:
    """Models by their source."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def obtain(self, uri: str, source: Source, download: Download, progress: Progress) -> Path:
        """Return the complete folder of a source, downloading it first unless somebody has.

        Args:
            uri: The source, for messages.
            source: The same, parsed.
            download: Called with the folder to fill, while no other process does that.
            progress: Told how much has arrived, whoever downloads it.

        Raises:
            DownloadFailed: if the weights did not arrive, or the cache cannot be written.
        """
        folder = self._root / cache_key(source)
        if folder.is_dir():
            return folder
        try:
            self._root.mkdir(parents=True, exist_ok=True)
            with self._locked(folder, progress):
                if not folder.is_dir():
                    self._fill(folder, download, progress)
        except OSError as error:
            raise DownloadFailed(f"{uri}: {self._cause(error)}") from None
        return folder

    def prune(self, source: Source) -> None:
        """Make room: of all models but a source's own, keep the one that came last, which replicas may still read."""
        own = cache_key(source)
        others = [found for found in self._root.iterdir() if found.is_dir() and not found.name.startswith(own)]
        complete = sorted(
            (found for found in others if found.suffix != _PARTIAL and (self._root / f"{found.name}{_LOCK}").exists()),
            key=lambda found: found.stat().st_mtime,
        )
        for found in complete[:-1]:
            shutil.rmtree(found, ignore_errors=True)
        for found in others:
            if found.suffix == _PARTIAL:
                self._remove_abandoned(found)

    def _remove_abandoned(self, partial: Path) -> None:
        """Remove what nobody is filling."""
        with partial.with_suffix(_LOCK).open("a") as file:
            if _try_lock(file.fileno()):
                shutil.rmtree(partial, ignore_errors=True)

    @contextmanager
    def _locked(self, folder: Path, progress: Progress) -> Iterator[None]:
        """Hold the folder's lock; while another does, tell what it tells."""
        with folder.with_name(folder.name + _LOCK).open("a") as file:
            while not _try_lock(file.fileno()):
                self._retell(folder, progress)
                time.sleep(WAIT_S)
            yield

    def _fill(self, folder: Path, download: Download, progress: Progress) -> None:
        partial = folder.with_name(folder.name + _PARTIAL)
        partial.mkdir(exist_ok=True)
        told = folder.with_name(folder.name + _PROGRESS)
        try:
            download(partial, _also_written(told, progress))
            _reach_the_disk(partial)
            os.utime(partial)
            partial.rename(folder)
            _sync(self._root)
        finally:
            told.unlink(missing_ok=True)
            with suppress(OSError):
                partial.rmdir()  # where nothing came at all

    def _retell(self, folder: Path, progress: Progress) -> None:
        with suppress(OSError, ValueError):
            done, total = json.loads(folder.with_name(folder.name + _PROGRESS).read_text())
            progress(done, total)

    def _cause(self, error: OSError) -> str:
        if error.errno in _READ_ONLY:
            return (
                f"the weights are not in {self._root}, which cannot be written here: make it writable, or in a cluster "
                "delete the weights Job, and the operator makes it again"
            )
        if error.errno in _NO_LOCKS:
            return f"the file system of {self._root} has no locks: take one that has, such as ext4 or NFS 4"
        if error.errno == errno.ENOSPC:
            return DISK_FULL
        return f"the cache {self._root} cannot be used ({error.strerror}): look at its volume"


def _try_lock(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _also_written(told: Path, progress: Progress) -> Progress:
    """Return a progress that those who wait can read, a second late at most."""
    written_s = 0.0

    def tell(done_bytes: int, total_bytes: int) -> None:
        nonlocal written_s
        progress(done_bytes, total_bytes)
        now_s = time.monotonic()
        if now_s - written_s >= TELL_EVERY_S:
            written_s = now_s
            draft = told.with_suffix(".draft")
            draft.write_text(json.dumps([done_bytes, total_bytes]))
            draft.replace(told)

    return tell


def _reach_the_disk(folder: Path) -> None:
    """Wait until the files are on the disk: after a power cut, a rename may be there and what it renamed may not."""
    for path in (*folder.rglob("*"), folder):
        _sync(path)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
