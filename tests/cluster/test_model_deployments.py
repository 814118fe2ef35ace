"""The custom resource definition on a real API server: what it takes, fills in, refuses and shows."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from fairlead_contract.crd import custom_resource_definition
from fairlead_contract.manifest import load_path, parse_manifest
from tests.cluster.control_plane import ControlPlane
from tests.cluster.model_deployments import ModelDeployments, refusal
from tests.contract.manifests import document
from tests.contract.test_crd import nodes
from tests.contract.wrong_manifests import WRONG_ENGINE_ARGUMENTS, WRONG_NAMES, WRONG_SPECS
from tests.support.manifests import EXAMPLES

SOURCES = [
    "hf://Qwen/Qwen2.5-0.5B-Instruct",
    "hf://meta-llama/Llama-3.3-70B-Instruct@refs/pr/7",
    "file:///srv/models/größe",
    "file://../weights",
    "pvc://claim",
    "pvc://claim/a folder",
    "s3://bucket/prefix/",
    "oci://registry.example:5000/models/qwen:1.0",
    "oci://registry/image@sha256:" + "0f" * 32,
]

QUANTITIES = [{"cpu": 4}, {"cpu": "500m"}, {"cpu": "0.5"}, {"memory": 1024}, {"memory": "1.5Gi"}, {"memory": "800M"}]

STATUS: dict[str, Any] = {
    "observedGeneration": 1,
    "phase": "Downloading",
    "model": "demo-model",
    "url": "https://models.example/v1",
    "replicas": 4,
    "readyReplicas": 2,
    "ready": "2/4",
    "selector": "fairlead.dev/model=demo",
    "gpus": 8,
    "choices": [{"what": "executor", "taken": "mp", "why": "two ranks share a node"}],
    "progress": {"summary": "42% of 15.2 GB", "percent": 42, "bytesDone": 6384, "bytesTotal": 15200},
    "conditions": [
        {
            "type": "Ready",
            "status": "False",
            "reason": "WeightsLoading",
            "message": "two replicas are fetching their weights",
            "lastTransitionTime": "2026-11-21T12:00:00Z",
            "observedGeneration": 1,
        }
    ],
}


def rules_on_creation() -> set[str]:
    """Return the message of every rule that does not compare with the value before."""
    [version] = custom_resource_definition()["spec"]["versions"]
    return {
        rule["message"]
        for node in nodes(version["schema"]["openAPIV3Schema"])
        for rule in node.get("x-kubernetes-validations", [])
        if "oldSelf" not in rule["rule"]
    }


def named(name: str) -> dict[str, Any]:
    """Return a manifest with a name."""
    return document() | {"metadata": {"name": name}}


@pytest.mark.parametrize("wrong", WRONG_SPECS)
def test_wrong_spec(models: ModelDeployments, wrong: str) -> None:
    """The API server refuses what the contract refuses, and names the same path."""
    spec, path, _ = WRONG_SPECS[wrong]

    assert path in models.refusal(document(**spec)).paths


@pytest.mark.parametrize("wrong", WRONG_NAMES)
def test_wrong_name(models: ModelDeployments, wrong: str) -> None:
    """The API server refuses the names that the contract refuses."""
    name, _ = WRONG_NAMES[wrong]

    assert set(models.refusal(named(name)).paths) == {"metadata.name"}


def test_every_rule_speaks(models: ModelDeployments) -> None:
    """Each rule of the definition refuses one of the wrong manifests, and says what to write instead."""
    wrong = [document(**spec) for spec, _, _ in WRONG_SPECS.values()] + [
        named(name) for name, _ in WRONG_NAMES.values()
    ]
    said = " ".join(message for manifest in wrong for _, message in models.refusal(manifest).causes)

    assert [message for message in rules_on_creation() if message not in said] == []


@pytest.mark.parametrize("wrong", WRONG_ENGINE_ARGUMENTS)
def test_engine_arguments(models: ModelDeployments, wrong: str) -> None:
    """The API server takes engine arguments of any name and type, which are the contract's to check."""
    spec, _, _ = WRONG_ENGINE_ARGUMENTS[wrong]

    answer = models.create(document(**spec), is_trial=True)

    assert answer.is_success, answer.text
    assert answer.json()["spec"]["engine"]["arguments"] == spec["engine"]["arguments"]


def test_examples(control_plane: ControlPlane, models: ModelDeployments) -> None:
    """The API server takes every manifest of the examples, as the contract does."""
    files = sorted(EXAMPLES.glob("*.yaml"))
    names = {deployment.name for file in files for deployment in load_path(file)}

    said = control_plane.kubectl("apply", "--dry-run=server", *(f"--filename={file}" for file in files))

    assert {line.split()[0].partition("/")[2] for line in said.splitlines()} == names


@pytest.mark.parametrize("source", SOURCES)
def test_sources(models: ModelDeployments, source: str) -> None:
    """Every form of source that the contract takes, the API server takes too."""
    manifest = document(model={"source": source})
    parse_manifest(manifest, where="test")

    assert models.create(manifest, is_trial=True).is_success


@pytest.mark.parametrize("resources", QUANTITIES, ids=str)
def test_quantities(models: ModelDeployments, resources: dict[str, Any]) -> None:
    """Every form of quantity that the contract takes, the API server takes too."""
    manifest = document(resources=resources)
    parse_manifest(manifest, where="test")

    assert models.create(manifest, is_trial=True).is_success


@pytest.mark.parametrize(
    "spec",
    [
        {},
        {"scaling": {"maxReplicas": 3}, "placement": {"tolerations": [{"key": "gpu"}]}},
        {"engine": {"env": [{"name": "A", "value": ""}]}, "cache": {"responses": {"enabled": False}}},
        {"limits": {"costPerDay": 2.5}, "access": {"plans": ["premium"]}, "suspend": True},
        {"parallelism": {"tensor": 4}, "resources": {"accelerator": "nvidia-l4"}},
    ],
    ids=["nothing", "scaling", "engine", "limits", "parallelism"],
)
def test_defaults(models: ModelDeployments, spec: dict[str, Any]) -> None:
    """What the API server fills in is what the contract reads from the manifest without it."""
    manifest = document(**spec)
    own = parse_manifest(manifest, where="test").spec.model_dump(mode="json", by_alias=True, exclude_none=True)

    answer = models.create(manifest, is_trial=True)

    assert answer.json()["spec"] == own


def test_explicit_null(models: ModelDeployments) -> None:
    """A field that is null counts as absent, for the API server as for the contract."""
    manifest = document(model={"source": "hf://fairlead/demo", "name": None}, resources={"cpu": None})
    parse_manifest(manifest, where="test")

    kept = models.create(manifest, is_trial=True).json()["spec"]

    assert "name" not in kept["model"]
    assert kept["resources"] == {}


def test_unknown_field_without_strictness(models: ModelDeployments) -> None:
    """From a client that does not ask for strictness, an unknown field is dropped, with a warning."""
    answer = models.create(document(replicas=2), is_trial=True, validation="Warn")

    assert "replicas" not in answer.json()["spec"]
    assert "spec.replicas" in answer.headers["warning"]


def test_task_cannot_change(models: ModelDeployments) -> None:
    """What a model is used for keeps its first value, while the rest of the spec may change."""
    assert models.create(document()).is_success

    changed = models.change("demo", {"spec": {"suspend": True}})
    refused = models.change("demo", {"spec": {"model": {"task": "embed"}}})

    assert changed.is_success, changed.text
    assert refused.status_code == 422
    [(path, message)] = refusal(refused).causes
    assert path == "spec.model.task"
    assert "create another ModelDeployment" in message


def test_status_is_apart(models: ModelDeployments) -> None:
    """The status changes by its own door only, and leaves the generation as it is."""
    created = models.create(document() | {"status": {"phase": "Ready"}}).json()

    changed = models.change("demo", {"status": STATUS, "spec": {"suspend": True}}, subresource="status").json()

    assert "status" not in created
    assert changed["status"] == STATUS
    assert changed["spec"]["suspend"] is False
    assert changed["metadata"]["generation"] == created["metadata"]["generation"]


def test_wrong_status(models: ModelDeployments) -> None:
    """A status that the operator's models would not write is refused."""
    assert models.create(document()).is_success

    refused = models.change("demo", {"status": {"phase": "Sleeping", "gpus": -1}}, subresource="status")

    assert set(refusal(refused).paths) == {"status.phase", "status.gpus"}


def test_scale(control_plane: ControlPlane, models: ModelDeployments) -> None:
    """`kubectl scale` moves the floor of replicas, and cannot lift it above the ceiling."""
    assert models.create(document(scaling={"maxReplicas": 2})).is_success
    assert models.change("demo", {"status": STATUS}, subresource="status").is_success

    control_plane.kubectl("scale", "mdep/demo", "--replicas=2")

    floor = control_plane.kubectl("get", "mdep/demo", "--output=jsonpath={.spec.scaling.minReplicas}")
    scale = models.read("demo", subresource="scale")
    assert floor == "2"
    assert scale["status"] == {"replicas": 4, "selector": "fairlead.dev/model=demo"}
    with pytest.raises(AssertionError, match="write at most maxReplicas"):
        control_plane.kubectl("scale", "mdep/demo", "--replicas=3")


def test_columns(control_plane: ControlPlane, models: ModelDeployments) -> None:
    """`kubectl get` tells what is served, how far it is and where, and `-o wide` why."""
    assert models.create(document()).is_success
    assert models.change("demo", {"status": STATUS}, subresource="status").is_success

    short = control_plane.kubectl("get", "mdep").splitlines()
    wide = control_plane.kubectl("get", "fairlead", "--output=wide")

    assert short[0].split() == ["NAME", "MODEL", "ENGINE", "READY", "PHASE", "PROGRESS", "URL", "AGE"]
    for shown in ("demo-model", "vllm", "2/4", "Downloading", "42% of 15.2 GB", "https://models.example/v1"):
        assert shown in short[1]
    assert wide.splitlines()[0].split()[-3:] == ["GPUS", "REASON", "MESSAGE"]
    assert "WeightsLoading" in wide
    assert "two replicas are fetching their weights" in wide


def test_wait(control_plane: ControlPlane, models: ModelDeployments) -> None:
    """`kubectl wait` waits for a condition of the status."""
    assert models.create(document()).is_success
    ready = STATUS["conditions"][0] | {"status": "True", "reason": "AllReady"}
    assert models.change("demo", {"status": {"conditions": [ready]}}, subresource="status").is_success

    said = control_plane.kubectl("wait", "--for=condition=Ready", "mdep/demo", "--timeout=30s")

    assert "condition met" in said


def test_variables_have_their_own_owners(control_plane: ControlPlane, models: ModelDeployments, tmp_path: Path) -> None:
    """Variables of one model that two managers apply are kept side by side, not overwritten."""
    for manager, variable in (("one", "A"), ("two", "B")):
        manifest = tmp_path / f"{manager}.yaml"
        manifest.write_text(yaml.safe_dump(document(engine={"env": [{"name": variable, "value": manager}]})))
        control_plane.kubectl("apply", "--server-side", f"--field-manager={manager}", f"--filename={manifest}")

    names = control_plane.kubectl("get", "mdep/demo", "--output=jsonpath={.spec.engine.env[*].name}")

    assert names == "A B"
