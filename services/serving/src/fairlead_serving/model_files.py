"""Which files make a model, and whether there is room for them."""

import shutil
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path

from fairlead_contract.errors import DownloadFailed, DownloadRefused
from fairlead_contract.replica_facts import render_bytes

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

DISK_FULL = (
    "the disk is full: free some space, or set FAIRLEAD_MODEL_CACHE to another disk; in a cluster, raise "
    "spec.cache.weights.size"
)


def is_wanted(name: str) -> bool:
    """Return whether a file, by its path within the model, is fetched."""
    return any(fnmatchcase(name, pattern) for pattern in ALLOWED_FILES)


def check_offer(uri: str, sizes: Mapping[str, int]) -> None:
    """Look at what a source offers before anything of it is fetched.

    Args:
        uri: The source.
        sizes: Bytes of each file that would be fetched.

    Raises:
        DownloadRefused: if that is no model.
    """
    if "config.json" not in sizes:
        raise DownloadRefused(f"{uri} holds no config.json: name the model's own folder or repository")
    if not any(name.endswith(".safetensors") for name in sizes):
        raise DownloadRefused(f"{uri} holds no *.safetensors file: convert its weights; pickles are never loaded")


def check_room(uri: str, folder: Path, missing_bytes: int) -> None:
    """Look whether the rest of a model fits, before the hours that its download may take.

    Raises:
        DownloadFailed: if it does not.
    """
    free = shutil.disk_usage(folder).free
    if missing_bytes > free:
        raise DownloadFailed(
            f"{uri} needs {render_bytes(missing_bytes)} and {render_bytes(free)} are free; {DISK_FULL}"
        )


def check_sizes(uri: str, folder: Path, sizes: Mapping[str, int]) -> None:
    """Look whether everything has arrived, and whole.

    Raises:
        DownloadFailed: naming a file that has not.
    """
    for name, size in sizes.items():
        has = present_bytes(folder / name)
        if has != size:
            raise DownloadFailed(f"{uri}: {name} has {has} bytes instead of {size}; it is fetched anew on a retry")


def present_bytes(file: Path) -> int:
    """Return the size of a file, 0 where there is none."""
    return file.stat().st_size if file.is_file() else 0
