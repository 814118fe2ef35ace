"""What a request to score or to rerank makes an engine read: each pair of texts is a prompt of its own."""

from collections.abc import Mapping
from typing import Final

from fairlead_contract.errors import InvalidValue

SIDES: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "rerank": (("query", "documents"),),
    "score": (("queries", "documents"), ("queries", "items"), ("data_1", "data_2"), ("text_1", "text_2")),
}
"""The fields that hold the two sides of the pairs, by the kind of endpoint; a request uses one row."""

IN_EVERY_PAIR: Final = ("instruction", "chat_template_kwargs")


def sides_of(kind: str, values: Mapping[str, object]) -> tuple[str, str]:
    """Return the names of the two fields that a request uses.

    Raises:
        InvalidValue: It uses none, half of them, or more than one way to write them.
    """
    rows = SIDES[kind]
    given = {name for row in rows for name in row if values.get(name) is not None}
    found = next((row for row in rows if set(row) == given), None)
    if found is None:
        ways = ", or ".join(f"`{first}` and `{second}`" for first, second in rows)
        raise InvalidValue(f"The texts to compare are needed once: write {ways}.", param=rows[0][0])
    return found


def prompts_of(kind: str, values: Mapping[str, object], sizes: Mapping[str, int]) -> tuple[int, int]:
    """Return how many prompts the engine reads, and at most how many bytes they have together.

    A single text on one side is paired with every text on the other.

    Args:
        kind: The kind of the endpoint.
        values: The request's fields, checked.
        sizes: Bytes of each field.
    """
    first, second = sides_of(kind, values)
    pairs = max(_count(values[first]), _count(values[second]))
    in_every = sum(sizes.get(name, 0) for name in IN_EVERY_PAIR)
    size = sum(sizes[side] * (pairs if _count(values[side]) == 1 else 1) for side in (first, second))
    return pairs, size + in_every * pairs


def _count(texts: object) -> int:
    return len(texts) if isinstance(texts, list) else 1
