"""Request headers as the transport delivers them: lower-case names and raw values, in order, duplicates kept."""

from collections.abc import Sequence
from typing import TypeAlias

Headers: TypeAlias = Sequence[tuple[bytes, bytes]]


def values(headers: Headers, name: bytes) -> list[bytes]:
    """Return every value of a header, by its lower-case name, in the order of arrival."""
    return [value for key, value in headers if key == name]


def first(headers: Headers, name: bytes) -> bytes | None:
    """Return the first value of a header, by its lower-case name, or None where it is absent."""
    for key, value in headers:
        if key == name:
            return value
    return None
