"""What is prepared before an engine starts."""

from pathlib import Path

import pytest

from fairlead_contract.errors import EngineStartFailed
from fairlead_contract.replica import ReplicaSpec, ReplicaTuning
from fairlead_serving.loading import patience, prepare_environment
from fairlead_serving.settings import ServingSettings

SPEC = ReplicaSpec(name="m", served_name="m", source="file:///m", secret_env={"HF_TOKEN": "hub/token"})


def test_secrets_enter_the_environment_from_their_files(tmp_path: Path) -> None:
    """A variable that refers to a secret gets the file's content."""
    (tmp_path / "hub").mkdir()
    (tmp_path / "hub" / "token").write_text("hf_x\n")
    environment: dict[str, str] = {}
    prepare_environment(SPEC, ServingSettings("s", secrets_folder=tmp_path), environment)
    assert environment["HF_TOKEN"] == "hf_x"
    assert environment["VLLM_WORKER_MULTIPROC_METHOD"] == "spawn"


def test_a_variable_that_is_set_already_is_left_alone() -> None:
    """What a pod's environment holds is not looked for in files."""
    environment = {"HF_TOKEN": "from the pod", "VLLM_NO_USAGE_STATS": "0"}
    prepare_environment(SPEC, ServingSettings("s"), environment)
    assert (environment["HF_TOKEN"], environment["VLLM_NO_USAGE_STATS"]) == ("from the pod", "0")


def test_a_missing_secret_is_named(tmp_path: Path) -> None:
    """A secret that does not exist is named, with the variable that needs it."""
    with pytest.raises(EngineStartFailed, match="HF_TOKEN: the secret hub/token cannot be read"):
        prepare_environment(SPEC, ServingSettings("s", secrets_folder=tmp_path), {})
    with pytest.raises(EngineStartFailed, match="HF_TOKEN needs the secret hub/token"):
        prepare_environment(SPEC, ServingSettings("s"), {})


def test_spans_of_an_engine_say_whose_they_are() -> None:
    """Where spans go somewhere, they name the model and the service, beside what the platform's owner adds."""
    environment = {"OTEL_RESOURCE_ATTRIBUTES": "deployment.environment=test", "HF_TOKEN": "x"}
    prepare_environment(SPEC, ServingSettings("s", traces_endpoint="http://collector/v1/traces"), environment)
    assert environment["OTEL_RESOURCE_ATTRIBUTES"] == "deployment.environment=test,fairlead.model=m"
    assert environment["OTEL_SERVICE_NAME"] == "fairlead-engine"
    untraced = {"HF_TOKEN": "x"}
    prepare_environment(SPEC, ServingSettings("s"), untraced)
    assert not [name for name in untraced if name.startswith("OTEL_")]


def test_processor_time_is_weaker_evidence_on_an_accelerator() -> None:
    """On a GPU, where processors spin while a collective hangs, an engine that only burns time is given less of it."""
    tuning = ReplicaTuning(stall_after_s=7)
    on_cpu = patience(SPEC, tuning)
    on_gpu = patience(SPEC.model_copy(update={"accelerator": True}), tuning)
    assert on_cpu.stall_after_s == on_gpu.stall_after_s == 7
    assert on_gpu.working_stall_after_s < on_cpu.working_stall_after_s
