"""A numbered part of the ledger, written whole and once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from importlib.resources import files
from typing import Final

from fairlead_gateway.ledger.entry import ENCODE, Entry
from fairlead_gateway.ledger.keys import STREAM, index_field, index_key, sums_key, tenants_key, writer_key
from fairlead_gateway.ledger.sums import sums_of, to_fields
from fairlead_gateway.redis_link import Argument, Script

DAY_S: Final = 24 * 3600
WRITER_LIFE_S: Final = 7 * DAY_S
"""Time for which it is known what a gateway has written; no outage in which it keeps a batch should last longer."""

WRITE: Final = Script(files("fairlead_gateway").joinpath("lua/ledger.lua").read_text(encoding="utf-8"))


@dataclass(frozen=True, slots=True)
class Retention:
    """How long and how much is kept.

    Attributes:
        entry_days: Days for which single requests are kept.
        entries: Most single requests kept, and found by their id per day, however young; bounds the memory of Redis.
        usage_days: Days for which daily sums are kept.
    """

    entry_days: int = 7
    entries: int = 2_000_000
    usage_days: int = 400


@dataclass(frozen=True, slots=True)
class Batch:
    """Entries that are written together.

    Attributes:
        number: One more than that of the writer's batch before.
    """

    writer: str
    number: int
    entries: Sequence[Entry]

    def command(self, today: date, retention: Retention) -> tuple[list[str], list[Argument]]:
        """Return the keys and arguments of `lua/ledger.lua`."""
        keys = [writer_key(self.writer), STREAM, index_key(today)]
        # An index lives a day longer than what was written last on its day.
        lives = (WRITER_LIFE_S, (retention.entry_days + 1) * DAY_S, retention.usage_days * DAY_S)
        arguments: list[Argument] = [self.number, *lives, len(self.entries), retention.entries]
        for entry in self.entries:
            arguments += (index_field(entry.tenant, entry.request_id), ENCODE(entry))
        for (day, tenant), groups in sums_of(self.entries).items():
            keys += (sums_key(day, tenant), tenants_key(day))
            counted = to_fields(groups)
            arguments += (tenant, len(counted))
            for field in counted:
                arguments += field
        return keys, arguments
