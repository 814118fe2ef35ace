"""From a model's source to a folder on this machine."""

import json
from collections.abc import Callable
from pathlib import Path

from fairlead_contract.errors import DownloadFailed, EngineStartFailed, SourceNeedsCluster
from fairlead_contract.source import Source, parse_source
from fairlead_serving.hub import download

Progress = Callable[[int, int], None]
"""Called with the bytes that have arrived and the bytes expected."""


def fetch(uri: str, cache: Path | None, progress: Progress) -> Path:
    """Return the folder that holds a model, downloading it first where that is needed.

    Args:
        uri: `file://` or `hf://`; other schemes need a cluster.
        cache: Folder for downloads; None means the hub client's own.
        progress: Told about the download now and then, from any thread.

    Raises:
        SourceNeedsCluster: for sources that one machine cannot offer.
        DownloadFailed: if the weights did not arrive.
        EngineStartFailed: if the folder holds no model that may be loaded.
    """
    source = parse_source(uri)
    folder = _folder(source, cache, progress)
    check_model(folder, uri)
    return folder


def check_model(folder: Path, uri: str) -> None:
    """Look at a model before an engine does.

    Raises:
        EngineStartFailed: if there is no model, if its weights are not safetensors, or if it brings code.
    """
    config = _read_config(folder, uri)
    if "auto_map" in config:
        raise EngineStartFailed(
            f"{uri} brings its own code (auto_map in config.json), which is never run: choose a model that vLLM knows"
        )
    if not any(folder.glob("*.safetensors")):
        raise EngineStartFailed(f"{uri} holds no *.safetensors file: convert its weights; pickles are never loaded")


def _folder(source: Source, cache: Path | None, progress: Progress) -> Path:
    if source.needs_cluster:
        raise SourceNeedsCluster(
            f"{source.scheme}:// sources need a cluster: on one machine write hf://organisation/name or file:///folder"
        )
    if source.scheme == "hf":
        return download(source.location, source.revision, cache, progress)
    folder = Path(source.location)
    if not folder.is_dir():
        raise DownloadFailed(f"file://{folder} is no folder on this machine: write the folder that holds config.json")
    return folder


def _read_config(folder: Path, uri: str) -> dict[str, object]:
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise EngineStartFailed(f"{uri} holds no config.json: name the model's own folder or repository") from None
    except (OSError, ValueError) as error:
        raise EngineStartFailed(f"{uri}: config.json cannot be read ({error}); fetch the model again") from None
    if not isinstance(config, dict):
        raise EngineStartFailed(f"{uri}: config.json is not a JSON object; fetch the model again")
    return config
