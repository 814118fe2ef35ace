"""Waiting for events instead of sleeping."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

PAUSE_S = 0.1

PATIENCE_S = 500
"""Seconds to wait for what must come, where how soon is not the behaviour under test: a slow machine takes several
times as long as a quick one to load an engine."""


def eventually(condition: Callable[[], T], *, within_s: float, what: str, pause_s: float = PAUSE_S) -> T:
    """Call `condition` until it returns something true, and return that.

    Args:
        condition: May raise AssertionError for "not yet".
        within_s: Seconds after which the wait has failed.
        what: The event, in words, for the failure's message.
        pause_s: Seconds between two looks.

    Raises:
        AssertionError: The event did not come; says what was seen last.
    """
    deadline = time.monotonic() + within_s
    seen: object = None
    while True:
        try:
            value = condition()
        except AssertionError as error:
            seen = error
        else:
            if value:
                return value
            seen = value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within_s:g} s: {what}; last seen: {seen!r}")
        time.sleep(pause_s)
