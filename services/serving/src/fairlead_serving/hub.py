"""Downloads a model from the Hugging Face hub, or from whatever `HF_ENDPOINT` names.

The hub client goes on where a connection broke off; a file that a process left unfinished is begun again, those that it
finished are kept.
"""

import errno
import io
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx2
from huggingface_hub import HfApi, snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from tqdm import tqdm  # type: ignore[import-untyped]

from fairlead_contract.errors import DownloadFailed, DownloadRefused
from fairlead_serving.model_files import (
    ALLOWED_FILES,
    DISK_FULL,
    check_offer,
    check_room,
    check_sizes,
    is_wanted,
    present_bytes,
)
from fairlead_serving.progress import Progress

_REFUSALS: Mapping[type[Exception], str] = {
    # A gated repository is a special case of one that is not found, so it comes first.
    GatedRepoError: "the repository is gated: accept its terms on the hub and give HF_TOKEN by spec.engine.env",
    RepositoryNotFoundError: "there is no such repository, or it is private: check the name, or give HF_TOKEN",
    RevisionNotFoundError: "the repository has no such revision: write a branch, a tag or a commit behind the @",
}
_UNREACHABLE = "the hub cannot be reached and the model is not cached: check the network or HF_ENDPOINT"
_CLIENTS_OWN_FOLDER = ".cache"
"""What the hub client keeps beside the files of a download into a folder."""


def download(uri: str, repository: str, revision: str | None, progress: Progress) -> Path:
    """Return the folder of a repository's snapshot in the hub client's own cache, complete.

    Other programs of the same user share that cache, and what lies there is used while the hub is away.

    Args:
        uri: The source, for messages.
        repository: `organisation/name`.
        revision: Branch, tag or commit; None means the main branch.
        progress: Told how much has arrived.

    Raises:
        DownloadFailed: naming the cause and what to do about it.
    """
    try:
        folder = snapshot_download(
            repository, revision=revision, allow_patterns=list(ALLOWED_FILES), tqdm_class=_meter(progress)
        )
    except (OSError, ValueError, httpx2.HTTPError) as error:
        raise _explained(uri, error) from None
    return Path(folder)


def download_into(folder: Path, uri: str, repository: str, revision: str | None, progress: Progress) -> None:
    """Fetch a repository's files into a folder, which may hold some of them already.

    Args:
        folder: Where to; nobody else may write there meanwhile.
        uri: The source, for messages.
        repository: `organisation/name`.
        revision: Branch, tag or commit; None means the main branch.
        progress: Told how much has arrived.

    Raises:
        DownloadFailed: naming the cause and what to do about it.
    """
    try:
        _download_into(folder, uri, repository, revision, progress)
    except (OSError, ValueError, httpx2.HTTPError) as error:
        raise _explained(uri, error) from None


def _download_into(folder: Path, uri: str, repository: str, revision: str | None, progress: Progress) -> None:
    # Asked first, so that what is to be there is known before anything is: the client takes what lies in a folder for
    # complete while the hub is away.
    offer = HfApi().model_info(repository, revision=revision, files_metadata=True)
    sizes = {one.rfilename: one.size or 0 for one in offer.siblings or () if is_wanted(one.rfilename)}
    check_offer(uri, sizes)
    for unfinished in (folder / _CLIENTS_OWN_FOLDER).rglob("*.incomplete"):
        unfinished.unlink()
    total = sum(sizes.values())
    present = sum(size for name, size in sizes.items() if present_bytes(folder / name) == size)
    check_room(uri, folder, total - present)
    progress(present, total)  # the client's meter is silent until a first piece is there
    snapshot_download(
        repository,
        revision=offer.sha,
        local_dir=folder,
        allow_patterns=list(ALLOWED_FILES),
        tqdm_class=_meter(lambda done, _: progress(min(present + done, total), total)),
    )
    check_sizes(uri, folder, sizes)
    shutil.rmtree(folder / _CLIENTS_OWN_FOLDER, ignore_errors=True)
    progress(total, total)


def _explained(uri: str, error: Exception) -> DownloadFailed:
    for kind, cause in _REFUSALS.items():
        if isinstance(error, kind):
            return DownloadRefused(f"{uri}: {cause}")
    return DownloadFailed(f"{uri}: {_cause(error)}")


def _cause(error: Exception) -> str:
    match error:
        case LocalEntryNotFoundError() | httpx2.ConnectError() | httpx2.ConnectTimeout():
            return _UNREACHABLE
        case HfHubHTTPError():
            return f"the hub answered {error.response.status_code}: try again later"
        case OSError(errno=errno.ENOSPC):
            return DISK_FULL
        case _:
            said = " ".join(str(error).split())
            return f"the download broke off ({type(error).__name__}: {said}); it resumes on a retry"


def _meter(progress: Callable[[int, int], None]) -> type[Any]:
    """Return a progress bar that draws nothing and reports the bytes that the hub client counts."""

    class Meter(tqdm):  # type: ignore[misc]  # it ships no types
        def __init__(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - they are tqdm's
            options.pop("name", None)
            self.counts_bytes = options.get("unit") == "B" and "Reconstructing" in str(options.get("desc", ""))
            super().__init__(*arguments, **(options | {"file": io.StringIO(), "disable": False, "mininterval": 0.5}))

        def update(self, n: float | None = 1) -> bool | None:
            drawn: bool | None = super().update(n)
            if self.counts_bytes:
                progress(int(self.n), int(self.total or 0))
            return drawn

    return Meter
