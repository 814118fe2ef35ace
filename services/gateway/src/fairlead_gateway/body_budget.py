"""The memory that all requests' bodies may take together.

Bounds of one body and of how many connections there are do not bound what they hold together: a thousand requests that
wait for a model with 26 MiB of sound each would be 26 GiB. What arrives is counted as it arrives, what was announced as
soon as somebody wants it, so that of many uploads at once some are refused before they have come rather than all of
them halfway.
"""

import random
from collections.abc import Callable
from typing import Final

from fairlead_contract.errors import Overloaded

RETRY_S: Final = 2.0


class BodyBudget:
    """What bodies hold, and how much they may.

    Attributes:
        held_bytes: What they hold now.

    Args:
        on_refused: Called when a body is refused.
    """

    __slots__ = ("_limit_bytes", "_on_refused", "held_bytes")

    def __init__(self, limit_bytes: int, *, on_refused: Callable[[], None] = lambda: None) -> None:
        self._limit_bytes = limit_bytes
        self._on_refused = on_refused
        self.held_bytes = 0

    def take(self, size: int) -> None:
        """Count bytes that are held from now on.

        Raises:
            Overloaded: There is no room for them; none of them count.
        """
        if self.held_bytes + size > self._limit_bytes:
            self._on_refused()
            raise Overloaded(
                "The gateway holds as many bytes of requests as it may. Retry shortly.",
                retry_after_s=RETRY_S * random.uniform(1.0, 2.0),  # noqa: S311 - not a secret
            )
        self.held_bytes += size

    def give_back(self, size: int) -> None:
        """Count bytes no more."""
        self.held_bytes -= size
