"""A cache of downloaded models. What several processes do to it at once is in `test_fetch`."""

import errno
import os
from pathlib import Path

import pytest

from fairlead_contract.errors import DownloadFailed
from fairlead_contract.source import parse_source
from fairlead_contract.weights import cache_key
from fairlead_serving.progress import Progress
from fairlead_serving.weights_cache import Download, WeightsCache

URI = "hf://acme/llama@v1"
SOURCE = parse_source(URI)


def ignore(done_bytes: int, total_bytes: int) -> None:
    return


def download(folder: Path, progress: Progress) -> None:
    (folder / "config.json").write_text("{}")
    progress(2, 2)


def fails(error: OSError) -> Download:
    def attempt(folder: Path, progress: Progress) -> None:
        (folder / "half").write_text("")
        raise error

    return attempt


def obtain(cache: Path, uri: str = URI, download: Download = download) -> Path:
    return WeightsCache(cache).obtain(uri, parse_source(uri), download, ignore)


def names(cache: Path) -> set[str]:
    """Return what lies in a cache but its locks."""
    return {found.name for found in cache.iterdir() if found.suffix != ".lock"}


def test_a_model_is_downloaded_once(tmp_path: Path) -> None:
    """The second time a model is there, under a name that tells what it is."""
    folder = obtain(tmp_path / "cache")
    assert (folder / "config.json").read_text() == "{}"
    assert folder.name.startswith("hf--acme--llama--")
    assert obtain(tmp_path / "cache", download=fails(OSError())) == folder


def test_revisions_lie_beside_each_other(tmp_path: Path) -> None:
    """Each revision has its own folder."""
    assert obtain(tmp_path, "hf://acme/llama@v1") != obtain(tmp_path, "hf://acme/llama@v2")


def test_half_a_model_is_never_found(tmp_path: Path) -> None:
    """What a failed download left is not taken for the model, and the next one goes on in it."""
    with pytest.raises(DownloadFailed):
        obtain(tmp_path, download=fails(OSError(errno.EIO, "input/output error")))
    assert names(tmp_path) == {f"{cache_key(SOURCE)}.partial"}
    folder = obtain(tmp_path)
    assert (folder / "half").exists()
    assert names(tmp_path) == {folder.name}


@pytest.mark.parametrize(
    "number,said",
    [
        (errno.ENOSPC, "the disk is full: free some space"),
        (errno.EROFS, "cannot be written here: make it writable, or in a cluster delete the weights Job"),
        (errno.EACCES, "cannot be written here"),
        (errno.ENOLCK, "has no locks: take one that has"),
        (errno.EIO, "look at its volume"),
    ],
)
def test_what_a_cache_lacks_is_said(tmp_path: Path, number: int, said: str) -> None:
    """Each way in which a cache may fail says what to do, with the source."""
    with pytest.raises(DownloadFailed) as failure:
        obtain(tmp_path, download=fails(OSError(number, os.strerror(number))))
    assert failure.value.message.startswith(f"{URI}: ")
    assert said in failure.value.message


def test_a_cache_that_is_no_folder_is_said(tmp_path: Path) -> None:
    """Where a file is in the way, the error names it."""
    (tmp_path / "cache").write_text("")
    with pytest.raises(DownloadFailed, match=f"the cache {tmp_path}/cache cannot be used"):
        obtain(tmp_path / "cache")


def test_pruning_keeps_what_replicas_may_read(tmp_path: Path) -> None:
    """Of other models the latest stays, half ones go, and what is no model is left alone."""
    kept = [obtain(tmp_path, f"hf://acme/llama@v{number}") for number in (1, 2, 3)]
    for age_s, folder in zip((300, 100, 200), kept, strict=True):
        then = folder.stat().st_mtime - age_s
        os.utime(folder, (then, then))
    with pytest.raises(DownloadFailed):
        obtain(tmp_path, "hf://acme/half", download=fails(OSError(errno.EIO, "")))
    own = obtain(tmp_path, "hf://acme/own")
    (tmp_path / "lost+found").mkdir()
    WeightsCache(tmp_path).prune(parse_source("hf://acme/own"))
    assert names(tmp_path) == {own.name, kept[1].name, "lost+found"}
