"""Usage, as engines report it."""

import json
from typing import Any

import pytest

from fairlead_gateway.endpoints import Dialect
from fairlead_gateway.usage import Usage, usage_in

REPORTS: list[tuple[Dialect, Any, Usage | None]] = [
    (Dialect.OPENAI, {"usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}}, Usage(7, 3)),
    (Dialect.OPENAI, {"usage": {"prompt_tokens": 7, "total_tokens": 7}}, Usage(7, 0)),
    (
        Dialect.OPENAI,
        {"usage": {"prompt_tokens": 7, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 4}}},
        Usage(7, 3, 4),
    ),
    (
        Dialect.OPENAI,
        {"usage": {"prompt_tokens": 7, "completion_tokens": 3, "prompt_tokens_details": None}},
        Usage(7, 3),
    ),
    (Dialect.RESPONSES, {"usage": {"input_tokens": 7, "output_tokens": 3}}, Usage(7, 3)),
    (Dialect.RESPONSES, {"type": "response.completed", "response": {"usage": {"input_tokens": 1}}}, Usage(1, 0)),
    (
        Dialect.ANTHROPIC,
        {"usage": {"input_tokens": 5, "cache_read_input_tokens": 2, "output_tokens": 3}},
        Usage(7, 3, 2),
    ),
    (Dialect.ANTHROPIC, {"message": {"usage": {"input_tokens": 7, "output_tokens": 0}}}, Usage(7, 0)),
    (Dialect.OPENAI, {"usage": None}, None),
    (Dialect.OPENAI, {"choices": [{"message": {"content": '"usage":{"prompt_tokens":9}'}}]}, None),
    (Dialect.OPENAI, {"tokens": [1, 2], "message": "hello"}, None),
    (Dialect.OPENAI, [], None),
]


@pytest.mark.parametrize("dialect, document, usage", REPORTS)
def test_finds_usage(dialect: Dialect, document: Any, usage: Usage | None) -> None:
    """The usage of every dialect is found where it is reported, and nowhere else."""
    assert usage_in(json.dumps(document).encode(), dialect) == usage


@pytest.mark.parametrize("document", [b"", b"{", b"nonsense", b'{"usage": 7}', b"\xff"])
def test_no_usage_in_what_is_no_answer(document: bytes) -> None:
    """What cannot be read reports nothing."""
    assert usage_in(document, Dialect.OPENAI) is None


def test_counts_both_sides() -> None:
    """The total is prompt and answer together."""
    assert Usage(7, 3).total_tokens == 10
