"""From a model's source to a folder."""

import json
from pathlib import Path

import pytest

from fairlead_contract.errors import DownloadFailed, EngineStartFailed, SourceNeedsCluster
from fairlead_serving.sources import fetch


def progress(done_bytes: int, total_bytes: int) -> None:
    return


def model(folder: Path, config: object = None, *, weights: str = "model.safetensors") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"model_type": "llama"} if config is None else config))
    (folder / weights).write_bytes(b"")
    return folder


def test_a_folder_is_used_where_it_lies(tmp_path: Path) -> None:
    """A file source is its folder."""
    folder = model(tmp_path / "m")
    assert fetch(f"file://{folder}", None, progress) == folder


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    """A folder that is not there is named."""
    with pytest.raises(DownloadFailed, match=f"file://{tmp_path}/none is no folder"):
        fetch(f"file://{tmp_path}/none", None, progress)


@pytest.mark.parametrize("uri", ["pvc://claim/folder", "s3://bucket/prefix", "oci://registry.example/model:tag"])
def test_sources_of_a_cluster_say_that_they_need_one(uri: str) -> None:
    """What one machine cannot offer says so, and what to write instead."""
    with pytest.raises(SourceNeedsCluster, match="need a cluster: on one machine write hf://"):
        fetch(uri, None, progress)


def test_a_model_with_code_of_its_own_is_refused(tmp_path: Path) -> None:
    """A model whose configuration names code is never handed to an engine."""
    folder = model(tmp_path / "m", {"auto_map": {"AutoModel": "modeling.Model"}})
    with pytest.raises(EngineStartFailed, match="brings its own code"):
        fetch(f"file://{folder}", None, progress)


def test_pickled_weights_are_refused(tmp_path: Path) -> None:
    """A folder with pickled weights alone is never handed to an engine."""
    folder = model(tmp_path / "m", weights="pytorch_model.bin")
    with pytest.raises(EngineStartFailed, match=r"holds no \*.safetensors"):
        fetch(f"file://{folder}", None, progress)


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    """A folder without a configuration, or with a broken one, is refused in one line."""
    with pytest.raises(EngineStartFailed, match=r"holds no config.json"):
        fetch(f"file://{tmp_path}", None, progress)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(EngineStartFailed, match=r"config.json cannot be read"):
        fetch(f"file://{tmp_path}", None, progress)
    (tmp_path / "config.json").write_text("[]")
    with pytest.raises(EngineStartFailed, match="not a JSON object"):
        fetch(f"file://{tmp_path}", None, progress)
