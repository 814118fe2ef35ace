"""Finding out why an engine did not start, from what real failing starts printed.

Each file under starts/ holds vLLM's exception and, after a line, what its processes wrote.
"""

from pathlib import Path

import pytest

from fairlead_serving.diagnosis import explain

STARTS = Path(__file__).with_name("starts")
EXPECTED = {
    "bad_quantization": "vLLM refuses this configuration: Cannot find the config file for awq",
    "kv_cache_too_small": "the KV cache has no room for one request of 2000000 tokens: set "
    "spec.engine.arguments.max-model-len to 1048448 or less",
    "missing_weight": "the weights do not belong to config.json (missing: {'model.layers.1.input_layernorm.weight'})",
    "out_of_memory": "the KV cache is to take 100000.0 GiB, but only 11.42 GiB of memory are free",
    "wrong_shape": "the weights do not fit config.json",
    "damaged_weights": "the weights are damaged (Error while deserializing header: incomplete metadata",
    "heads_not_divisible": "spec.parallelism.tensor is 3, which does not divide the model's 4 attention heads",
    "length_beyond_model": "spec.engine.arguments.max-model-len is 100000, but the model is made for 65536 tokens: "
    "set it to 65536 or less",
    "no_tokenizer": "the model's tokenizer cannot be loaded",
    "unknown_architecture": "this vLLM does not support the model's architecture ('FooForCausalLM')",
    "unknown_model_type": "this engine does not know the model type foo",
}


def explained(name: str) -> str:
    said, _, output = (STARTS / f"{name}.txt").read_text().partition("--- output\n")
    return explain(RuntimeError(said.strip()), output)


def test_every_start_on_file_is_expected() -> None:
    """No captured start is forgotten."""
    assert {file.stem for file in STARTS.iterdir()} == set(EXPECTED)


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_real_failure_is_explained_in_one_line(name: str) -> None:
    """What vLLM printed becomes one line with the cause and what to change."""
    line = explained(name)
    assert line.startswith(EXPECTED[name])
    assert "\n" not in line
    assert "See root cause above" not in line


@pytest.mark.parametrize(
    "output,line",
    [
        (
            "(Worker_TP0 pid=9) ERROR 11-21 03:41:29 [x.py:1] torch.OutOfMemoryError: CUDA out of memory. Tried",
            "memory ran out while the model was loaded",
        ),
        (
            "ValueError: Free memory on device cuda:0 (3.1/139.8 GiB) on startup is less than desired GPU memory",
            "only 3.1 of the accelerator's 139.8 GiB are free",
        ),
        (
            "AttributeError: '_OpNamespace' '_C' object has no attribute 'init_cpu_memory_env'",
            "the system library libnuma1 is missing",
        ),
        ("OSError: [Errno 28] No space left on device", "the disk is full"),
        ("RuntimeError: No CUDA GPUs are available", "no accelerator is visible to the replica"),
        ("ValueError: No available memory for the cache blocks. Try", "no memory is left for the KV cache"),
    ],
)
def test_what_needs_another_machine_is_known_too(output: str, line: str) -> None:
    """Causes that cannot be brought about here are known by the words in vLLM's and PyTorch's sources."""
    untelling = RuntimeError("Engine core initialization failed. See root cause above. Failed core proc(s): {}")
    assert explain(untelling, output).startswith(line)


def test_an_unknown_failure_names_the_first_exception_that_says_something() -> None:
    """Without a known cause, the exception of the process that failed first is quoted, in one bounded line."""
    output = (
        "(Worker pid=2) ERROR 11-21 03:41:29 [a.py:1] Traceback (most recent call last):\n"
        "(Worker pid=2) ERROR 11-21 03:41:29 [a.py:1] KeyError: 'rope_theta'\n"
        "(EngineCore pid=1) ERROR 11-21 03:41:30 [b.py:1] Exception: WorkerProc initialization failed due to\n"
    )
    error = RuntimeError("Engine core initialization failed. See root cause above.")
    assert explain(error, output) == "the engine did not start: KeyError: 'rope_theta'"
    assert len(explain(ValueError("x" * 5000), "")) < 500


def test_without_any_output_the_exception_itself_is_told() -> None:
    """If the engine's processes said nothing, vLLM's own exception is all there is."""
    assert explain(OSError("odd"), "") == "the engine did not start: OSError: odd"
