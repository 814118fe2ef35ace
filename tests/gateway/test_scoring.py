"""What a request to score or to rerank makes an engine read."""

import pytest

from fairlead_contract.errors import InvalidValue
from fairlead_gateway.scoring import prompts_of, sides_of

SIZES = {"query": 10, "documents": 60, "queries": 30, "text_1": 5, "text_2": 7, "instruction": 4}


@pytest.mark.parametrize(
    "kind,values,expected",
    [
        ("rerank", {"query": "q", "documents": ["a", "b", "c"]}, (3, 3 * 10 + 60)),
        ("rerank", {"query": "q", "documents": "a"}, (1, 10 + 60)),
        ("score", {"text_1": "q", "text_2": "a"}, (1, 5 + 7)),
        ("score", {"queries": ["q", "r"], "documents": ["a", "b"]}, (2, 30 + 60)),
        ("score", {"queries": ["q", "r"], "documents": "a"}, (2, 30 + 2 * 60)),
        ("rerank", {"query": "q", "documents": ["a", "b"], "instruction": "i"}, (2, 2 * 10 + 60 + 2 * 4)),
    ],
)
def test_a_single_text_is_read_with_each_of_the_other_side(
    kind: str, values: dict[str, object], expected: tuple[int, int]
) -> None:
    """A request's bytes count as often as the engine reads them, and what is in every pair once per pair."""
    sizes = {name: SIZES[name] for name in values}
    assert prompts_of(kind, values, sizes) == expected


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"queries": "q"},
        {"queries": "q", "text_2": "t"},
        {"queries": "q", "documents": "d", "items": "i"},
        {"queries": "q", "documents": "d", "text_1": "t", "text_2": "t"},
    ],
)
def test_the_two_sides_are_written_in_one_way(values: dict[str, object]) -> None:
    """Half a pair, or a pair in two ways, is refused with the ways that there are."""
    with pytest.raises(InvalidValue, match="`text_1` and `text_2`"):
        sides_of("score", values)
