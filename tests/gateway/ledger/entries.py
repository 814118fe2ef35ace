"""Records and entries of the ledger, each valid unless told otherwise."""

from typing import Any

from fairlead_gateway.cache import CacheState
from fairlead_gateway.ledger.entry import Entry, entry_of
from fairlead_gateway.limits import Outcome
from fairlead_gateway.record import Record
from fairlead_gateway.usage import Usage

NOON_S = 1_800_014_400.0
"""2027-01-15 at 12:00 UTC."""


def record(request_id: str = "req_1", **fields: Any) -> Record:
    """A request to `demo` that was answered."""
    defaults: dict[str, Any] = {
        "at_s": NOON_S,
        "tenant": "acme",
        "subject": "ann",
        "model": "demo",
        "revision": "r1",
        "status": 200,
        "outcome": Outcome.COMPLETED,
        "cache": CacheState.MISS,
        "usage": Usage(7, 3, 2),
        "cost": 1_800,
        "queue_s": 0.001,
        "first_byte_s": 0.25,
        "duration_s": 1.5,
    }
    return Record(request_id, "/v1/chat/completions", **{**defaults, **fields})


def entry(request_id: str = "req_1", **fields: Any) -> Entry:
    """The same as an entry."""
    return entry_of(record(request_id, **fields))
