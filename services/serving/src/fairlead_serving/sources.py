"""From a model's source to a folder from which an engine can load it."""

import json
from functools import partial
from pathlib import Path

from fairlead_contract.errors import DownloadFailed, EngineStartFailed, SourceNeedsCluster
from fairlead_contract.source import Source, parse_source
from fairlead_contract.weights import CLAIM_FOLDER, IMAGE_FOLDER, claim_name, mounted_folder
from fairlead_serving import hub
from fairlead_serving.progress import Progress, narrated
from fairlead_serving.settings import users_cache
from fairlead_serving.weights_cache import WeightsCache

IMAGE_SUBFOLDER = "models"
"""Where images hold their model that others made by KServe's convention."""

_MOST_NAMED = 8


def fetch(uri: str, cache: Path | None, progress: Progress, *, root: Path = Path("/")) -> Path:
    """Return the folder that holds a model, downloading it first where that is needed.

    Args:
        uri: The source.
        cache: Folder for downloads; None means the hub client's own for hf://, and the user's for s3://.
        progress: Told about the download now and then, from any thread.
        root: Below which claims and images are mounted.

    Raises:
        SourceNeedsCluster: if the source is mounted into pods, and here it is not.
        DownloadFailed: if the weights did not arrive.
        EngineStartFailed: if the folder holds no model that may be loaded.
    """
    source = parse_source(uri)
    with narrated(uri, progress) as told:
        folder = _folder(uri, source, cache, told, root)
    check_model(folder, uri)
    return folder


def check_model(folder: Path, uri: str) -> None:
    """Look at a model before an engine does.

    Raises:
        EngineStartFailed: if there is no model, if its weights are not safetensors or not all there, or if it brings
            code.
    """
    config = _read_config(folder, uri)
    if "auto_map" in config:
        raise EngineStartFailed(
            f"{uri} brings its own code (auto_map in config.json), which is never run: choose a model that vLLM knows"
        )
    if not any(folder.glob("*.safetensors")):
        raise EngineStartFailed(f"{uri} holds no *.safetensors file: convert its weights; pickles are never loaded")
    missing = sorted(name for name in _indexed_files(folder, uri) if not (folder / name).is_file())
    if missing:
        raise EngineStartFailed(f"{uri} lacks {len(missing)} files of weights, such as {missing[0]}: copy it again")


def _folder(uri: str, source: Source, cache: Path | None, progress: Progress, root: Path) -> Path:
    match source.scheme:
        case "file":
            return _local_folder(source)
        case "pvc" | "oci":
            return _mounted_folder(uri, source, root)
        case "hf":
            if cache is None:
                return hub.download(uri, source.location, source.revision, progress)
            download = partial(hub.download_into, uri=uri, repository=source.location, revision=source.revision)
            return WeightsCache(cache).obtain(uri, source, lambda to, told: download(to, progress=told), progress)
        case "s3":
            # Imported here because it takes a quarter of a second, and this source alone needs it.
            from fairlead_serving import bucket  # noqa: PLC0415

            return WeightsCache(cache or users_cache()).obtain(
                uri, source, lambda to, told: bucket.download_into(to, uri, source.location, told), progress
            )


def _local_folder(source: Source) -> Path:
    folder = Path(source.location)
    if not folder.is_dir():
        raise DownloadFailed(f"file://{folder} is no folder on this machine: write the folder that holds config.json")
    return folder


def _mounted_folder(uri: str, source: Source, root: Path) -> Path:
    mounted = mounted_folder(source)
    assert mounted is not None  # noqa: S101 - the caller asked for what is mounted
    folder = _below(root, mounted)
    mount = _below(root, CLAIM_FOLDER if source.scheme == "pvc" else IMAGE_FOLDER)
    if not mount.is_dir():
        raise SourceNeedsCluster(
            f"{source.scheme}:// sources need a cluster: on one machine write hf://organisation/name, "
            "s3://bucket/prefix or file:///folder"
        )
    if source.scheme == "oci" and not (folder / "config.json").is_file():
        folder = folder / IMAGE_SUBFOLDER
        if not folder.is_dir():
            raise DownloadFailed(f"{uri} holds no config.json at its root or in /{IMAGE_SUBFOLDER}: build it so")
    if not folder.is_dir():
        raise DownloadFailed(f"{uri}: the claim {claim_name(source)} holds no such folder: {_what_there_is(mount)}")
    return folder


def _what_there_is(folder: Path) -> str:
    names = sorted(found.name for found in folder.iterdir() if found.is_dir())[:_MOST_NAMED]
    return f"write one that it holds, such as {', '.join(names)}" if names else "it is empty; copy the model into it"


def _below(root: Path, absolute: str) -> Path:
    return root / absolute.lstrip("/")


def _read_config(folder: Path, uri: str) -> dict[str, object]:
    try:
        return _read_object(folder / "config.json", uri)
    except FileNotFoundError:
        raise EngineStartFailed(f"{uri} holds no config.json: name the model's own folder or repository") from None


def _indexed_files(folder: Path, uri: str) -> set[str]:
    """Return the files that a model in several parts says it has."""
    files: set[str] = set()
    for index in folder.glob("*.safetensors.index.json"):
        weights = _read_object(index, uri).get("weight_map")
        files |= set(weights.values()) if isinstance(weights, dict) else set()
    return files


def _read_object(file: Path, uri: str) -> dict[str, object]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        raise EngineStartFailed(f"{uri}: {file.name} cannot be read ({error}); fetch the model again") from None
    if not isinstance(found, dict):
        raise EngineStartFailed(f"{uri}: {file.name} is not a JSON object; fetch the model again")
    return found
