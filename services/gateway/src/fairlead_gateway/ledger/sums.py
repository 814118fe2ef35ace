"""Daily sums: what the requests of a tenant's keys to a model came to."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime
from typing import Final, NamedTuple

from fairlead_gateway.cache import CacheState
from fairlead_gateway.ledger.entry import Entry

DAY_MS: Final = 24 * 3600 * 1000


class Group(NamedTuple):
    """What is summed together within a day and a tenant; "" for a token instead of a key, and for no known model."""

    key_id: str
    model: str


@dataclass(slots=True)
class Sums:
    """Counts of some requests.

    Attributes:
        errors: Requests that ended with an error, refused ones included.
        cached_answers: Requests answered from the response cache.
        input_tokens: Tokens charged, those that the engine had in its prefix cache included.
        unpriced: Requests that used tokens of a model without a price.
        cost: Billionths of the currency; None where nothing had a price.
        audio_seconds: Seconds of sound charged.
    """

    requests: int = 0
    errors: int = 0
    cached_answers: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cached_input_tokens: int = 0
    unpriced: int = 0
    cost: int | None = None
    audio_seconds: int = 0

    def count(self, entry: Entry) -> None:
        """Add one request."""
        self.requests += 1
        self.errors += entry.error != ""
        self.cached_answers += entry.cache in {CacheState.HIT, CacheState.SHARED}
        self.input_tokens += entry.input_tokens
        self.output_tokens += entry.output_tokens
        self.cached_input_tokens += entry.cached_input_tokens
        self.audio_seconds += entry.audio_seconds
        if entry.cost is not None:
            self.cost = (self.cost or 0) + entry.cost
        elif entry.measured:
            self.unpriced += 1

    def add(self, other: "Sums") -> None:
        """Add what others came to."""
        for name in COUNTERS:
            mine, theirs = getattr(self, name), getattr(other, name)
            if theirs is not None:
                setattr(self, name, (mine or 0) + theirs)

    def counted(self) -> list[tuple[str, int]]:
        """Return the counters that are not zero; a cost of zero is told, for it is not the same as none."""
        values = ((name, getattr(self, name)) for name in COUNTERS)
        return [(name, value) for name, value in values if value or (name == "cost" and value is not None)]


COUNTERS: Final = tuple(field.name for field in fields(Sums))


def sums_of(entries: Iterable[Entry]) -> dict[tuple[date, str], dict[Group, Sums]]:
    """Return the sums of entries by UTC day and tenant."""
    by_day: dict[tuple[int, str], dict[Group, Sums]] = {}
    for entry in entries:
        of_tenant = by_day.setdefault((entry.at_ms // DAY_MS, entry.tenant), {})
        group = Group(entry.key_id, entry.model)
        sums = of_tenant.get(group)
        if sums is None:
            sums = of_tenant[group] = Sums()
        sums.count(entry)
    return {(_day(number), tenant): groups for (number, tenant), groups in by_day.items()}


def to_fields(groups: Mapping[Group, Sums]) -> list[tuple[str, int]]:
    """Return sums as fields of a Redis hash: `<key id>/<model>/<counter>`."""
    return [
        (f"{group.key_id}/{group.model}/{name}", value)
        for group, sums in groups.items()
        for name, value in sums.counted()
    ]


def from_fields(flat: list[bytes]) -> dict[Group, Sums]:
    """Read what `to_fields` wrote, as HGETALL answers it; counters that this version does not know are left out."""
    groups: dict[Group, Sums] = {}
    for field, value in zip(flat[::2], flat[1::2], strict=True):
        key_id, _, rest = field.decode().partition("/")
        model, _, name = rest.rpartition("/")  # a model of a cluster has its namespace before its name
        if name in COUNTERS:
            setattr(groups.setdefault(Group(key_id, model), Sums()), name, int(value))
    return groups


def _day(number: int) -> date:
    return datetime.fromtimestamp(number * DAY_MS / 1000, UTC).date()
