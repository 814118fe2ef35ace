"""API keys, looked up by the id inside the key and proven by a keyed hash."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from fairlead_contract.api_keys import KeyFile, KeyRecord, key_id_of
from fairlead_gateway.current import Current

KeyIndex = Mapping[str, KeyRecord]

_NOBODYS: Final = KeyRecord(id="0" * 12, tenant="", digest="0" * 64, created_at=datetime.fromtimestamp(0, UTC))
"""Stands in for a key that does not exist, so that its refusal takes as long as that of a wrong secret."""


def read_keys(content: bytes) -> KeyIndex:
    """Parse the key file's content into records by id.

    Raises:
        pydantic.ValidationError: The content is no key file.
        ValueError: Two keys have the same id.
    """
    keys = KeyFile.model_validate_json(content).keys
    index = {record.id: record for record in keys}
    if len(index) != len(keys):
        raise ValueError("two keys have the same id")
    return index


class KeyRing:
    """The keys of an installation; what it was read from may change at any time, so a revocation counts at once."""

    def __init__(self, current: Current[KeyIndex], pepper: bytes) -> None:
        self._current = current
        self._pepper = pepper

    def find(self, key: str, *, now: datetime) -> KeyRecord | None:
        """Return the record of an active key, or None for any key that opens nothing."""
        key_id = key_id_of(key)
        if key_id is None:
            return None
        record = self._current.value.get(key_id, _NOBODYS)
        return record if record.opens(self._pepper, key, now) else None
