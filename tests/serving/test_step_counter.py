"""Counting the engine's steps that moved something."""

from types import ModuleType, SimpleNamespace
from typing import Any


def scheduler(*, running: int = 1, waiting: int = 0, skipped: int = 0, usage: float = 0.5) -> Any:
    return SimpleNamespace(
        num_running_reqs=running, num_waiting_reqs=waiting, num_skipped_waiting_reqs=skipped, kv_cache_usage=usage
    )


def tokens(*, generated: int = 0, prompt: int = 0) -> Any:
    return SimpleNamespace(num_generation_tokens=generated, num_prompt_tokens=prompt)


def test_tokens_are_progress(vllm_engine: ModuleType) -> None:
    """A step that produced a token counts, even if nothing else changed."""
    counter = vllm_engine.StepCounter()
    for _ in range(3):
        counter.step(scheduler(), tokens(generated=1))
    assert counter.count == 3


def test_a_chunk_of_a_long_prompt_is_progress(vllm_engine: ModuleType) -> None:
    """A step that produced no token but filled the KV cache counts."""
    counter = vllm_engine.StepCounter()
    for usage in (0.1, 0.2, 0.3):
        counter.step(scheduler(usage=usage), None)
    assert counter.count == 3


def test_a_step_that_moved_nothing_is_no_progress(vllm_engine: ModuleType) -> None:
    """A core that turns in circles, with nothing produced and nothing scheduled, does not count."""
    counter = vllm_engine.StepCounter()
    for _ in range(100):
        counter.step(scheduler(running=2, waiting=3), None)
    assert counter.count == 1


def test_waiting_for_a_grammar_is_no_hang(vllm_engine: ModuleType) -> None:
    """While all requests wait for their grammar, each look of the scheduler counts: the core is alive."""
    counter = vllm_engine.StepCounter()
    for _ in range(5):
        counter.step(scheduler(running=0, skipped=1), None)
    assert counter.count == 5


def test_vllm_makes_a_logger_of_it_for_each_core(vllm_engine: ModuleType) -> None:
    """As a statistics logger, it passes on what vLLM records after each step."""
    counter = vllm_engine.StepCounter()
    counter.logger(None, 0).record(scheduler(), tokens(prompt=5), None, 0)
    assert counter.count == 1
