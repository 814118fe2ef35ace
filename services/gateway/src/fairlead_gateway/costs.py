"""Money, in whole billionths of the currency's unit, so that sums are exact.

What a request costs is somebody else's affair: the limiter is handed a function. Billionths leave room for the smallest
prices (0.001 per million tokens is 1 billionth per token), and nine million units fit into what Lua counts exactly.
"""

from collections.abc import Callable
from typing import Final, TypeAlias

from fairlead_gateway.usage import Usage

BILLION: Final = 1_000_000_000

Cost: TypeAlias = Callable[[str, Usage], int]
"""(model's name, tokens) -> billionths; never less for more tokens, and 0 for a model without a price."""


def unpriced(_model: str, _usage: Usage) -> int:
    """Return what requests cost where nothing has a price."""
    return 0


def money(billionths: int) -> str:
    """Return an amount as people write it: `20`, `0.5`, `0.000000001`."""
    whole, part = divmod(billionths, BILLION)
    return f"{whole}.{part:09d}".rstrip("0").rstrip(".")
