"""Waiting for what an operator brings about in the same event loop."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

PAUSE_S = 0.1


async def eventually(condition: Callable[[], Awaitable[T]], *, within_s: float, what: str) -> T:
    """Call `condition` until it returns something true, and return that.

    Raises:
        AssertionError: The event did not come; says what was seen last.
    """
    deadline = time.monotonic() + within_s
    while True:
        seen = await condition()
        if seen:
            return seen
        assert time.monotonic() < deadline, f"not within {within_s:g} s: {what}; last seen: {seen!r}"
        await asyncio.sleep(PAUSE_S)
