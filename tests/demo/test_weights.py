"""The committed folder of the demo model, as a model server reads it."""

import json
from pathlib import Path
from typing import Any

import pytest
from safetensors import safe_open

MAXIMUM_BYTES = 8 * 1024 * 1024


@pytest.fixture(scope="module")
def weights(demo_folder: Path) -> Path:
    """The folder that a manifest names as its source."""
    return demo_folder / "weights"


def read(file: Path) -> dict[str, Any]:
    """One JSON file."""
    content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return content


def test_the_configuration_is_a_llama_for_long_streams(weights: Path) -> None:
    """The architecture is plain Llama, and prompt and answer may have 65,536 tokens together."""
    config = read(weights / "config.json")
    assert config["architectures"] == ["LlamaForCausalLM"]
    assert config["model_type"] == "llama"
    assert config["max_position_embeddings"] == 65536
    assert config["dtype"] == "float16"


def test_two_ranks_can_share_the_model(weights: Path) -> None:
    """Heads, key-value heads, hidden and intermediate size and vocabulary are even: tensor parallelism of 2 works."""
    config = read(weights / "config.json")
    sizes = ("num_attention_heads", "num_key_value_heads", "hidden_size", "intermediate_size", "vocab_size")
    assert [size for size in sizes if config[size] % 2] == []


def test_the_tensors_are_half_precision_and_small(weights: Path) -> None:
    """All tensors are float16, and the whole folder stays under 8 MiB."""
    with safe_open(weights / "model.safetensors", framework="pt") as tensors:
        kinds = {tensors.get_slice(name).get_dtype() for name in tensors.keys()}  # noqa: SIM118 (not a dict)
    assert kinds == {"F16"}
    assert sum(file.stat().st_size for file in weights.iterdir()) < MAXIMUM_BYTES


def test_generation_stops_at_the_end_mark_and_is_calm(weights: Path) -> None:
    """The defaults that the engine reads end an answer at the end mark and sample at a low temperature."""
    config, generation = read(weights / "config.json"), read(weights / "generation_config.json")
    assert generation["eos_token_id"] == config["eos_token_id"]
    assert 0 < generation["temperature"] <= 0.5
