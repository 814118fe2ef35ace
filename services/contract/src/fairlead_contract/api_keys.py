"""API keys: their form, how they are stored, and the file that holds them.

A key reads `fl-<id>-<secret>`: the id (12 hex digits) finds the record, the secret (43 characters, 256 bits) proves
possession. Only a keyed hash is stored, so that a stolen file opens nothing.
"""

import hashlib
import hmac
import re
import secrets
from datetime import datetime, timedelta
from typing import Annotated, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from fairlead_contract.grants import SCOPE_PATTERN
from fairlead_contract.tenants import Limits, TenantName

KEY_PATTERN = re.compile(r"fl-(?P<id>[0-9a-f]{12})-(?P<secret>[A-Za-z0-9_-]{43})")

NO_LIMITS = Limits()

MAX_SCOPES = 100
MAX_RETIRED = 3
"""Secrets from before rotations that still open: who rotates more often within a time of grace ends the oldest."""
MAX_LIFETIME_S = 100 * 366 * 24 * 3600
"""Keeps times within what a calendar holds; who wants a key for ever leaves its lifetime out."""

Scope = Annotated[str, Field(pattern=SCOPE_PATTERN)]


class KeyWanted(BaseModel):
    """What somebody who makes a key says of it, and all that they may say."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    tenant: TenantName = Field(description="Tenant that the key speaks for.")
    name: str = Field(default="", max_length=100, description="What the key is for, in its owner's words.")
    ttl_seconds: int | None = Field(
        default=None, ge=1, le=MAX_LIFETIME_S, description="How long it is valid; null until it is revoked."
    )
    scopes: tuple[str, ...] = Field(
        default=(),
        max_length=MAX_SCOPES,
        description="What narrows the tenant's grants, such as models:demo; empty narrows nothing.",
    )
    limits: Limits = Field(default_factory=Limits, description="Of this key alone, besides its tenant's.")


class LimitsWanted(BaseModel):
    """What a key's limits are to be from now on."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    limits: Limits = Field(description="They replace all that the key had; {} leaves it its tenant's alone.")


class RetiredSecret(BaseModel):
    """What a key was before it was rotated; it opens for a while longer, so that its users can change over."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    digest: str = Field(pattern=r"^[0-9a-f]{64}$")
    expires_at: AwareDatetime


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
    scopes: tuple[Scope, ...] = Field(
        default=(), description="What narrows the tenant's grants; empty narrows nothing."
    )
    retired: tuple[RetiredSecret, ...] = Field(default=(), description="What the key was before it was rotated.")
    limits: Limits = Field(default_factory=Limits, description="Of this key alone, besides its tenant's.")

    def is_active(self, now: datetime) -> bool:
        """Return whether the key opens anything at an aware time."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)

    def matches(self, pepper: bytes, key: str) -> bool:
        """Return, in constant time, whether the whole key is the one recorded."""
        return hmac.compare_digest(self.digest, digest(pepper, key))

    def opens(self, pepper: bytes, key: str, now: datetime) -> bool:
        """Return whether a whole key opens at an aware time: the one recorded, or one retired in its time of grace."""
        shown = digest(pepper, key)
        current = hmac.compare_digest(self.digest, shown)
        retired = [hmac.compare_digest(old.digest, shown) and now < old.expires_at for old in self.retired]
        return self.is_active(now) and (current or any(retired))

    def rotated(self, pepper: bytes, *, now: datetime, grace: timedelta) -> tuple[str, Self]:
        """Give the key a new secret; those before stay good for a time of grace, or the rest of an earlier one.

        No grace ends them all at once, as it must where a secret has leaked.

        Returns:
            The new key in clear, to be shown once, and the record to store.
        """
        key = _new_key(self.id)
        until = now + grace
        before = (*self.retired, RetiredSecret(digest=self.digest, expires_at=until))
        ending = [old.model_copy(update={"expires_at": min(old.expires_at, until)}) for old in before]
        retired = tuple(old for old in ending if now < old.expires_at)[-MAX_RETIRED:]
        return key, self.model_copy(update={"digest": digest(pepper, key), "retired": retired})


class KeyFile(BaseModel):
    """All keys of an installation."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    keys: tuple[KeyRecord, ...] = ()

    def with_key(self, record: KeyRecord) -> Self:
        """Return the file with one key more."""
        return self.model_copy(update={"keys": (*self.keys, record)})

    def find(self, key_id: str) -> KeyRecord:
        """Return the key with an id.

        Raises:
            KeyError: No key has that id.
        """
        found = next((record for record in self.keys if record.id == key_id), None)
        if found is None:
            raise KeyError(key_id)
        return found

    def with_replaced(self, record: KeyRecord) -> Self:
        """Return the file with another record in the place of the one with its id.

        Raises:
            KeyError: No key has that id.
        """
        self.find(record.id)
        keys = tuple(record if each.id == record.id else each for each in self.keys)
        return self.model_copy(update={"keys": keys})

    def with_revoked(self, key_id: str, now: datetime) -> Self:
        """Return the file with one key revoked; the time of a first revocation stays.

        Raises:
            KeyError: No key has that id.
        """
        record = self.find(key_id)
        if record.revoked_at is not None:
            return self
        return self.with_replaced(record.model_copy(update={"revoked_at": now}))


def digest(pepper: bytes, key: str) -> str:
    """Return the keyed hash under which a key is stored, as 64 hex digits."""
    return hmac.new(pepper, b"fairlead/api-key/" + key.encode(), hashlib.sha256).hexdigest()


def mint(
    pepper: bytes,
    tenant: str,
    *,
    now: datetime,
    name: str = "",
    expires_at: datetime | None = None,
    scopes: tuple[str, ...] = (),
    limits: Limits = NO_LIMITS,
) -> tuple[str, KeyRecord]:
    """Make a key.

    Returns:
        The key in clear, to be shown once, and the record to store.
    """
    key_id = secrets.token_hex(6)
    key = _new_key(key_id)
    record = KeyRecord(
        id=key_id,
        tenant=tenant,
        name=name,
        digest=digest(pepper, key),
        created_at=now,
        expires_at=expires_at,
        scopes=scopes,
        limits=limits,
    )
    return key, record


def _new_key(key_id: str) -> str:
    return f"fl-{key_id}-{secrets.token_urlsafe(32)}"


def key_id_of(key: str) -> str | None:
    """Return the id inside a key, or None where the text has not the form of a key."""
    match = KEY_PATTERN.fullmatch(key)
    return match["id"] if match else None
