import json
from pathlib import Path

import pytest
import yaml

from fairlead_contract.errors import ManifestError
from fairlead_contract.manifest import load_path, parse_manifest, parse_manifests
from tests.contract.manifests import document
from tests.contract.wrong_manifests import WRONG_ENGINE_ARGUMENTS, WRONG_NAMES, WRONG_SPECS

ALL_WRONG_SPECS = WRONG_SPECS | WRONG_ENGINE_ARGUMENTS


@pytest.mark.parametrize("wrong", ALL_WRONG_SPECS)
def test_wrong_spec(wrong: str) -> None:
    """A wrong spec is refused with one line that names the path and says what to write instead."""
    spec, path, remedy = ALL_WRONG_SPECS[wrong]

    with pytest.raises(ManifestError) as refused:
        parse_manifest(document(**spec), where="model.yaml")

    assert [mistake.path for mistake in refused.value.mistakes] == [path]
    assert remedy in refused.value.mistakes[0].remedy
    assert str(refused.value).startswith(f"model.yaml: {path}: ")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("wrong", WRONG_NAMES)
def test_wrong_name(wrong: str) -> None:
    """A name that other parts could not carry is refused with one line that says what to write instead."""
    name, remedy = WRONG_NAMES[wrong]

    with pytest.raises(ManifestError, match=remedy) as refused:
        parse_manifest(document() | {"metadata": {"name": name}}, where="model.yaml")

    assert [mistake.path for mistake in refused.value.mistakes] == ["metadata.name"]


WRONG_TEXTS = {
    "an empty file": ("", "holds no manifest"),
    "a list": ("- 1", "write a mapping"),
    "broken YAML": ("a: [", "not valid YAML"),
    "a key that stands twice": ("a: 1\na: 2\n", "stands twice"),
    "a flood of aliases": ("a: &x 1\nb: [" + "*x, " * 60 + "]", "more than 50 aliases"),
    "a Python object": ("a: !!python/object/apply:os.getcwd []", "not valid YAML"),
    "nesting without end": ("[" * 100_000, "nested too deeply"),
    "a huge file": ("a: " + "x" * 2_000_000, "larger than"),
    "another kind": (json.dumps(document() | {"kind": "Deployment"}), "kind: is 'Deployment'; write one of"),
    "another version": (json.dumps(document() | {"apiVersion": "v1"}), "apiVersion: is 'v1'"),
    "no name": (json.dumps(document() | {"metadata": {}}), "metadata.name: is missing"),
}


@pytest.mark.parametrize("wrong", WRONG_TEXTS)
def test_wrong_text(wrong: str) -> None:
    """A text that is no manifest is refused with a line that says why."""
    text, words = WRONG_TEXTS[wrong]

    with pytest.raises(ManifestError, match=words.replace("[", r"\[")):
        parse_manifests(text, where="model.yaml")


def test_every_mistake_is_told() -> None:
    """All mistakes of all documents are told at once, one line each."""
    first = document(parallelism={"tensor": 0}, suspend="no")
    second = document(engine={"arguments": {"port": 1, "max-modl-len": 2}})

    with pytest.raises(ManifestError) as refused:
        parse_manifests(yaml.safe_dump_all([first, second]), where="both.yaml")

    assert len(str(refused.value).splitlines()) == 4


def test_relative_source(tmp_path: Path) -> None:
    """A relative file source means a folder beside the manifest."""
    (tmp_path / "model.yaml").write_text(yaml.safe_dump(document(model={"source": "file://./weights"})))

    [deployment] = load_path(tmp_path / "model.yaml")

    assert deployment.spec.model.source == f"file://{tmp_path}/weights"


def test_folder(tmp_path: Path) -> None:
    """A folder stands for the manifests right inside it, in the order of their names."""
    for name in ("b.yaml", "a.yml"):
        manifest = document() | {"metadata": {"name": name[0]}}
        (tmp_path / name).write_text(yaml.safe_dump(manifest))
    (tmp_path / "notes.txt").write_text("not a manifest")

    assert [deployment.name for deployment in load_path(tmp_path)] == ["a", "b"]


def test_mistakes_over_files(tmp_path: Path) -> None:
    """Mistakes in several files are told together, each with its file."""
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text(yaml.safe_dump(document(suspend=1)))

    with pytest.raises(ManifestError) as refused:
        load_path(tmp_path)

    assert [line.count(".yaml") for line in str(refused.value).splitlines()] == [1, 1]


def test_missing_file(tmp_path: Path) -> None:
    """A path that leads nowhere is told as such."""
    with pytest.raises(ManifestError, match="does not exist"):
        load_path(tmp_path / "absent.yaml")


def test_what_the_api_server_adds() -> None:
    """Metadata that the API server adds does not make a manifest wrong."""
    manifest = document() | {"metadata": {"name": "demo", "uid": "1", "resourceVersion": "7", "managedFields": []}}

    assert parse_manifest(manifest, where="test").name == "demo"
