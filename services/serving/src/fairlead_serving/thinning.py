"""Keeps a fixed share of many values that come in lists."""

from collections.abc import Sequence


class Thinning:
    """Takes every n-th value, counted over all lists, so that short lists are thinned as much as long ones.

    Args:
        keep_one_in: Of how many values one is kept.
    """

    def __init__(self, *, keep_one_in: int) -> None:
        self._keep_one_in = keep_one_in
        self._seen = 0

    def take(self, values: Sequence[float]) -> list[float]:
        """Return the values that are kept, in their order."""
        first = -self._seen % self._keep_one_in
        self._seen += len(values)
        return list(values[first :: self._keep_one_in])
