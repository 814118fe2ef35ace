"""Downloads a model from the Hugging Face hub, or from whatever `HF_ENDPOINT` names.

The hub client locks each file while it downloads it and resumes what was interrupted, so replicas of one node that
start together fetch a model once.
"""

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
from huggingface_hub import snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from tqdm import tqdm  # type: ignore[import-untyped]

from fairlead_contract.errors import DownloadFailed

ALLOWED_FILES = (
    "*.safetensors",
    "*.safetensors.index.json",
    "config.json",
    "generation_config.json",
    "preprocessor_config.json",
    "processor_config.json",
    "tokenizer*",
    "*.tiktoken",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.*",
    "merges.txt",
    "spiece.model",
    "sentencepiece*.model",
    "chat_template*",
    "modules.json",
    "config_sentence_transformers.json",
    "sentence_bert_config.json",
    "1_Pooling/config.json",
)
"""Weights as safetensors and what describes them; neither pickles nor code are ever fetched."""


_CAUSES: Mapping[type[Exception], str] = {
    # A gated repository is a special case of one that is not found, so it comes first.
    GatedRepoError: "the repository is gated: accept its terms on the hub and give HF_TOKEN by spec.engine.env",
    RepositoryNotFoundError: "there is no such repository, or it is private: check the name, or give HF_TOKEN",
    RevisionNotFoundError: "the repository has no such revision: write a branch, a tag or a commit behind the @",
    LocalEntryNotFoundError: "the hub cannot be reached and the model is not cached: check the network or HF_ENDPOINT",
}


def download(repository: str, revision: str | None, cache: Path | None, progress: Callable[[int, int], None]) -> Path:
    """Return the folder of a repository's snapshot, complete and on this machine.

    Args:
        repository: `organisation/name`.
        revision: Branch, tag or commit; None means the main branch.
        cache: Folder for downloads; None means the hub client's own.
        progress: Told how many bytes of how many have arrived, from any thread.

    Raises:
        DownloadFailed: naming the cause and what to do about it.
    """
    where = f"hf://{repository}" + (f"@{revision}" if revision else "")
    try:
        folder = snapshot_download(
            repository,
            revision=revision,
            cache_dir=cache,
            allow_patterns=list(ALLOWED_FILES),
            tqdm_class=_meter(progress),
        )
    except (OSError, ValueError, httpx.HTTPError) as error:
        raise DownloadFailed(f"{where}: {_cause(error)}") from None
    return Path(folder)


def _cause(error: Exception) -> str:
    for kind, cause in _CAUSES.items():
        if isinstance(error, kind):
            return cause
    match error:
        case HfHubHTTPError():
            return f"the hub answered {error.response.status_code}: try again later"
        case OSError(errno=28):
            return "the disk is full: free some space, or set FAIRLEAD_MODEL_CACHE to another disk"
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
