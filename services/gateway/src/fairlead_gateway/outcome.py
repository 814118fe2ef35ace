"""How a request ended, as far as its charge is concerned."""

from enum import StrEnum


class Outcome(StrEnum):
    """How a request ended, as far as its charge is concerned."""

    COMPLETED = "completed"
    ABORTED = "aborted"
    FAILED = "failed"
    REFUSED = "refused"
    CACHED = "cached"
