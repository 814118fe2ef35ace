"""API keys: their form, how they are stored, and the file that holds them.

A key reads `fl-<id>-<secret>`: the id (12 hex digits) finds the record, the secret (43 characters, 256 bits) proves
possession. Only a keyed hash is stored, so that a stolen file opens nothing.
"""

import hashlib
import hmac
import re
import secrets
from datetime import datetime
from typing import Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from fairlead_contract.tenants import Limits

KEY_PATTERN = re.compile(r"fl-(?P<id>[0-9a-f]{12})-(?P<secret>[A-Za-z0-9_-]{43})")


class KeyRecord(BaseModel):
    """One key as it is stored; the key itself is shown once, when it is made."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=r"^[0-9a-f]{12}$")
    tenant: str
    name: str = Field(default="", max_length=100, description="What the key is for, in its owner's words.")
    digest: str = Field(pattern=r"^[0-9a-f]{64}$", description="HMAC-SHA256 of the whole key under the pepper.")
    created_at: AwareDatetime
    expires_at: AwareDatetime | None = None
    revoked_at: AwareDatetime | None = None
    limits: Limits = Field(default_factory=Limits, description="Of this key alone, besides its tenant's.")

    def is_active(self, now: datetime) -> bool:
        """Return whether the key opens anything at an aware time."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)

    def matches(self, pepper: bytes, key: str) -> bool:
        """Return, in constant time, whether the whole key is the one recorded."""
        return hmac.compare_digest(self.digest, digest(pepper, key))


class KeyFile(BaseModel):
    """All keys of an installation."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    keys: tuple[KeyRecord, ...] = ()

    def with_key(self, record: KeyRecord) -> Self:
        """Return the file with one key more."""
        return self.model_copy(update={"keys": (*self.keys, record)})

    def with_revoked(self, key_id: str, now: datetime) -> Self:
        """Return the file with one key revoked; the time of a first revocation stays.

        Raises:
            KeyError: No key has that id.
        """
        if key_id not in {record.id for record in self.keys}:
            raise KeyError(key_id)
        return self.model_copy(
            update={
                "keys": tuple(
                    record.model_copy(update={"revoked_at": now})
                    if record.id == key_id and record.revoked_at is None
                    else record
                    for record in self.keys
                )
            }
        )


def digest(pepper: bytes, key: str) -> str:
    """Return the keyed hash under which a key is stored, as 64 hex digits."""
    return hmac.new(pepper, b"fairlead/api-key/" + key.encode(), hashlib.sha256).hexdigest()


def mint(
    pepper: bytes, tenant: str, *, now: datetime, name: str = "", expires_at: datetime | None = None
) -> tuple[str, KeyRecord]:
    """Make a key.

    Returns:
        The key in clear, to be shown once, and the record to store.
    """
    key_id = secrets.token_hex(6)
    key = f"fl-{key_id}-{secrets.token_urlsafe(32)}"
    record = KeyRecord(
        id=key_id, tenant=tenant, name=name, digest=digest(pepper, key), created_at=now, expires_at=expires_at
    )
    return key, record


def key_id_of(key: str) -> str | None:
    """Return the id inside a key, or None where the text has not the form of a key."""
    match = KEY_PATTERN.fullmatch(key)
    return match["id"] if match else None
