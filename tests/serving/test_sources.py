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


@pytest.mark.parametrize("uri", ["pvc://claim/folder", "oci://registry.example/model:tag"])
def test_sources_of_a_cluster_say_that_they_need_one(uri: str, tmp_path: Path) -> None:
    """What one machine cannot offer says so, and what to write instead."""
    with pytest.raises(SourceNeedsCluster, match="need a cluster: on one machine write hf://"):
        fetch(uri, None, progress, root=tmp_path)


@pytest.mark.parametrize(
    "uri,folder",
    [
        ("pvc://claim/llama/8b", "var/lib/fairlead/claim/llama/8b"),
        ("pvc://claim", "var/lib/fairlead/claim"),
        ("oci://registry.example/model:tag", "var/lib/fairlead/image"),
        ("oci://registry.example/model:tag", "var/lib/fairlead/image/models"),
    ],
)
def test_what_is_mounted_is_read_where_it_is(uri: str, folder: str, tmp_path: Path) -> None:
    """The folder of a claim, and an image's root or its folder of models, are used where they are mounted."""
    (tmp_path / folder).mkdir(parents=True)
    made = model(tmp_path / folder)
    assert fetch(uri, None, progress, root=tmp_path) == made


def test_a_claim_without_the_folder_says_what_it_holds(tmp_path: Path) -> None:
    """A folder that a claim does not hold is refused with those that it does."""
    claim = tmp_path / "var/lib/fairlead/claim"
    claim.mkdir(parents=True)
    with pytest.raises(DownloadFailed, match="the claim models holds no such folder: it is empty; copy the model"):
        fetch("pvc://models/llama", None, progress, root=tmp_path)
    (claim / "llama-8b").mkdir()
    with pytest.raises(DownloadFailed, match="holds no such folder: write one that it holds, such as llama-8b"):
        fetch("pvc://models/llama", None, progress, root=tmp_path)


def test_an_image_without_a_model_is_refused(tmp_path: Path) -> None:
    """An image must have its model where it is looked for."""
    (tmp_path / "var/lib/fairlead/image").mkdir(parents=True)
    with pytest.raises(DownloadFailed, match=r"holds no config.json at its root or in /models: build it so"):
        fetch("oci://registry.example/model:tag", None, progress, root=tmp_path)


def test_a_model_that_is_not_all_there_is_refused(tmp_path: Path) -> None:
    """Where the index names files that are missing, a half-copied model is refused before an engine reads it."""
    folder = model(tmp_path / "m", weights="model-00001-of-00002.safetensors")
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(EngineStartFailed, match=r"lacks 1 files of weights, such as model-00002-of-00002.safetensors"):
        fetch(f"file://{folder}", None, progress)
    (folder / "model-00002-of-00002.safetensors").write_bytes(b"")
    assert fetch(f"file://{folder}", None, progress) == folder


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
