"""From a specification to vLLM's command line."""

from types import ModuleType

import pytest
from pydantic import JsonValue

from fairlead_contract.engine_arguments import known_arguments as contract_arguments
from fairlead_contract.errors import EngineStartFailed
from fairlead_contract.replica import ReplicaSpec
from fairlead_serving.engine_arguments import command_line, refuse_unknown


def spec(**arguments: JsonValue) -> ReplicaSpec:
    named = {name.replace("_", "-"): value for name, value in arguments.items()}
    return ReplicaSpec(
        name="m", served_name="served", source="file:///m", engine_arguments=named, tensor=2, executor="mp"
    )


def test_every_kind_of_value_is_written_as_vllm_reads_it() -> None:
    """Numbers, switches on and off, lists and objects become words of the command line."""
    words = command_line(
        spec(max_num_seqs=8, enforce_eager=True, enable_prefix_caching=False, hf_overrides={"a": 1}, seed=None),
        "/model",
    )
    line = " ".join(words)
    assert "--max-num-seqs=8" in line
    assert "--enforce-eager" in words
    assert "--no-enable-prefix-caching" in words
    assert '--hf-overrides={"a": 1}' in words
    assert "--seed" not in line


def test_the_platform_sets_what_it_owns(vllm_engine: ModuleType) -> None:
    """Model, name, parallelism and the format of weights come from the specification, logs of prompts stay off."""
    arguments = vllm_engine.parse_arguments(spec(), "/model")
    assert (arguments.model, arguments.served_model_name) == ("/model", ["served"])
    assert (arguments.tensor_parallel_size, arguments.distributed_executor_backend) == (2, "mp")
    assert arguments.load_format == "safetensors"
    assert not arguments.enable_log_requests
    assert not arguments.trust_remote_code


def test_spans_go_where_the_platform_sends_them(vllm_engine: ModuleType) -> None:
    """The engine gets the platform's endpoint for traces, and without one traces nothing."""
    arguments = vllm_engine.parse_arguments(spec(), "/model", "http://collector/v1/traces")
    assert arguments.otlp_traces_endpoint == "http://collector/v1/traces"
    assert vllm_engine.parse_arguments(spec(), "/model").otlp_traces_endpoint is None


@pytest.mark.parametrize("name", ["model", "trust-remote-code", "tensor_parallel_size", "middleware", "ssl-keyfile"])
def test_an_argument_of_the_platform_is_refused(name: str) -> None:
    """What the platform sets, or what would run foreign code, is refused with what to write instead."""
    with pytest.raises(
        EngineStartFailed, match=f"spec.engine.arguments.{name.replace('_', '-')} is set by the platform"
    ):
        command_line(spec(**{name: True}), "/model")


def test_an_unknown_argument_is_refused_with_its_neighbours() -> None:
    """A misspelt argument names the ones that are near."""
    with pytest.raises(EngineStartFailed, match=r"max-num-sequence is not an argument.* max-num-seqs"):
        refuse_unknown(["max-num-sequence"], ["max-num-seqs", "dtype"])
    with pytest.raises(EngineStartFailed, match="see vLLM's engine arguments"):
        refuse_unknown(["zzzz"], ["max-num-seqs", "dtype"])


def test_a_wrong_value_is_refused_by_vllms_own_parser(vllm_engine: ModuleType) -> None:
    """A value that vLLM does not take ends in one line, not in the end of the process."""
    with pytest.raises(EngineStartFailed, match="argument --dtype: invalid choice: 'floaty'"):
        vllm_engine.parse_arguments(spec(dtype="floaty"), "/model")


def test_the_contract_knows_this_vllms_arguments(vllm_engine: ModuleType) -> None:
    """The names by which manifests are checked are those of the installed vLLM."""
    assert contract_arguments() == vllm_engine.known_arguments()
