import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from fairlead_contract.errors import ManifestError
from fairlead_contract.manifest import load_path, parse_manifest, parse_manifests
from tests.contract.manifests import document

HF = "hf://fairlead/demo"

# Each row: the spec's fields, the path that is named, and words of the line that says what to write instead.
WRONG_SPECS: dict[str, tuple[dict[str, Any], str, str]] = {
    "a source without scheme": ({"model": {"source": "demo"}}, "spec.model.source", "hf://"),
    "an unknown scheme": ({"model": {"source": "ftp://a/b"}}, "spec.model.source", "start it with one of"),
    "a hub source without organisation": ({"model": {"source": "hf://demo"}}, "spec.model.source", "hf://organisation"),
    "a file source with a host": ({"model": {"source": "file://host/x"}}, "spec.model.source", "file:///folder"),
    "an image digest that is none": ({"model": {"source": "oci://r/i@sha256:1"}}, "spec.model.source", "digest"),
    "no model": ({"model": {}}, "spec.model.source", "add it"),
    "a model that is text": ({"model": HF}, "spec.model", "mapping"),
    "an unknown field of the model": ({"model": {"source": HF, "alias": []}}, "spec.model.alias", "'aliases'"),
    "a served name with a space": ({"model": {"source": HF, "name": "a b"}}, "spec.model.name", "form"),
    "an alias that repeats the name": (
        {"model": {"source": HF, "name": "a", "aliases": ["a"]}},
        "spec.model.aliases",
        "keep it once",
    ),
    "an unknown task": ({"model": {"source": HF, "task": "chat"}}, "spec.model.task", "'generate'"),
    "an unknown engine": ({"engine": {"name": "tgi"}}, "spec.engine.name", "'vllm'"),
    "a misspelt engine argument": (
        {"engine": {"arguments": {"max-modl-len": 1}}},
        "spec.engine.arguments.max-modl-len",
        "'max-model-len'",
    ),
    "an engine argument in snake case": (
        {"engine": {"arguments": {"max_model_len": 1}}},
        "spec.engine.arguments.max_model_len",
        "'max-model-len'",
    ),
    "an engine argument that the platform sets": (
        {"engine": {"arguments": {"tensor-parallel-size": 2}}},
        "spec.engine.arguments.tensor-parallel-size",
        "spec.parallelism.tensor",
    ),
    "custom code": (
        {"engine": {"arguments": {"trust-remote-code": True}}},
        "spec.engine.arguments.trust-remote-code",
        "never run",
    ),
    "a negated engine argument": (
        {"engine": {"arguments": {"no-enforce-eager": True}}},
        "spec.engine.arguments.no-enforce-eager",
        "enforce-eager: false",
    ),
    "prompts in the log": (
        {"engine": {"arguments": {"enable-log-requests": True}}},
        "spec.engine.arguments.enable-log-requests",
        "never logged",
    ),
    "a variable without value": ({"engine": {"env": [{"name": "A"}]}}, "spec.engine.env[0]", "exactly one"),
    "a variable that stands twice": (
        {"engine": {"env": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]}},
        "spec.engine.env",
        "keep it once",
    ),
    "a variable of the platform's": (
        {"engine": {"env": [{"name": "RAY_AUTH_MODE", "value": "disabled"}]}},
        "spec.engine.env[0].name",
        "another variable",
    ),
    "a variable's value that is a number": (
        {"engine": {"env": [{"name": "A", "value": 1}]}},
        "spec.engine.env[0].value",
        "in quotes",
    ),
    "tensor parallel 0": ({"parallelism": {"tensor": 0}}, "spec.parallelism.tensor", "at least 1"),
    "tensor parallel as text": ({"parallelism": {"tensor": "2"}}, "spec.parallelism.tensor", "without quotes"),
    "tensor parallel as a fraction": ({"parallelism": {"tensor": 1.5}}, "spec.parallelism.tensor", "whole number"),
    "too many stages": ({"parallelism": {"pipeline": 65}}, "spec.parallelism.pipeline", "at most 64"),
    "cores that are none": ({"resources": {"cpu": "four"}}, "spec.resources.cpu", "500m"),
    "no cores": ({"resources": {"cpu": 0}}, "spec.resources.cpu", "500m"),
    "memory without a known unit": ({"resources": {"memory": "4GB"}}, "spec.resources.memory", "16Gi"),
    "a list for resources": ({"resources": []}, "spec.resources", "mapping"),
    "min above max": ({"scaling": {"minReplicas": 3, "maxReplicas": 2}}, "spec.scaling.minReplicas", "at most 2"),
    "max of zero": ({"scaling": {"maxReplicas": 0}}, "spec.scaling.maxReplicas", "at least 1"),
    "zero with a floor": ({"scaling": {"idleSecondsToZero": 60}}, "spec.scaling.idleSecondsToZero", "minReplicas: 0"),
    "a target that the engine cannot batch": (
        {
            "engine": {"arguments": {"max-num-seqs": 8}},
            "scaling": {"maxReplicas": 2, "targetOngoingRequests": 16},
        },
        "spec.scaling.targetOngoingRequests",
        "at most 8",
    ),
    "a limit of zero": ({"limits": {"requestsPerMinute": 0}}, "spec.limits.requestsPerMinute", "at least 1"),
    "an unknown limit": ({"limits": {"rpm": 5}}, "spec.limits.rpm", "requestsPerMinute"),
    "a tenant that cannot be": ({"access": {"tenants": ["A B"]}}, "spec.access.tenants[0]", "form"),
    "a toleration without key": ({"placement": {"tolerations": [{}]}}, "spec.placement.tolerations[0].key", "Exists"),
    "an unknown effect": (
        {"placement": {"tolerations": [{"key": "a", "effect": "Never"}]}},
        "spec.placement.tolerations[0].effect",
        "'NoSchedule'",
    ),
    "suspend as text": ({"suspend": "yes"}, "spec.suspend", "true or false"),
    "a cache that lasts no time": ({"cache": {"responses": {"ttlSeconds": 0}}}, "spec.cache.responses.ttlSeconds", "1"),
    "an unknown field of the spec": ({"replicas": 2}, "spec.replicas", "scaling"),
}


@pytest.mark.parametrize("wrong", WRONG_SPECS)
def test_wrong_spec(wrong: str) -> None:
    """A wrong spec is refused with one line that names the path and says what to write instead."""
    spec, path, remedy = WRONG_SPECS[wrong]

    with pytest.raises(ManifestError) as refused:
        parse_manifest(document(**spec), where="model.yaml")

    assert [mistake.path for mistake in refused.value.mistakes] == [path]
    assert remedy in refused.value.mistakes[0].remedy
    assert str(refused.value).startswith(f"model.yaml: {path}: ")
    assert "\n" not in str(refused.value)


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
    "a name in capitals": (json.dumps(document() | {"metadata": {"name": "Demo"}}), "lower-case"),
    "a name that is too long": (json.dumps(document() | {"metadata": {"name": "a" * 41}}), "at most 40"),
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
