"""What may be done to API keys, by the command line and the gateway alike: make, rotate, limit, revoke."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from fairlead_contract.api_keys import KeyFile, KeyRecord, KeyWanted, mint
from fairlead_contract.errors import InvalidValue, KeyNotFound
from fairlead_contract.grants import check_scopes
from fairlead_contract.key_store import KeyStore
from fairlead_contract.tenants import Limits

MAX_SHOWN_ID = 60


@dataclass(frozen=True, slots=True)
class KeyRegister:
    """The keys of an installation, under the pepper of their hashes."""

    store: KeyStore
    pepper: bytes

    def create(self, wanted: KeyWanted, *, now: datetime) -> tuple[str, KeyRecord]:
        """Make a key; whether its tenant exists is for the caller to ask.

        Returns:
            The key in clear, which is kept nowhere, and its record.

        Raises:
            InvalidValue: A scope is none.
            KeysUnavailable: The keys cannot be read or written.
        """
        key, record = mint(
            self.pepper,
            wanted.tenant,
            now=now,
            name=wanted.name,
            expires_at=None if wanted.ttl_seconds is None else now + timedelta(seconds=wanted.ttl_seconds),
            scopes=check_scopes(wanted.scopes),
            limits=wanted.limits,
        )
        self.store.change(lambda keys: (keys.with_key(record), None))
        return key, record

    def rotate(
        self, key_id: str, *, grace: timedelta, lifetime: timedelta | None, now: datetime
    ) -> tuple[str, KeyRecord]:
        """Give a key a new secret; the old one opens for a time of grace, in which its users change over.

        Without a new lifetime the key's expiry stays as it is.

        Returns:
            The key in clear, which is kept nowhere, and its record.

        Raises:
            KeyNotFound: No key has that id.
            InvalidValue: The key is revoked or expired, and opens nothing that could be handed on.
            KeysUnavailable: The keys cannot be read or written.
        """

        def change(keys: KeyFile) -> tuple[KeyFile, tuple[str, KeyRecord]]:
            record = found(keys, key_id)
            if not record.is_active(now):
                raise InvalidValue(
                    f"key {key_id} is revoked or expired; make another: fairlead keys create, or POST /v1/admin/keys",
                    param="id",
                )
            key, rotated = record.rotated(self.pepper, now=now, grace=grace)
            if lifetime is not None:
                rotated = rotated.model_copy(update={"expires_at": now + lifetime})
            return keys.with_replaced(rotated), (key, rotated)

        return self.store.change(change)

    def limit(self, key_id: str, limits: Limits) -> KeyRecord:
        """Put other limits in the place of a key's own, and return its record.

        Raises:
            KeyNotFound: No key has that id.
            KeysUnavailable: The keys cannot be read or written.
        """

        def change(keys: KeyFile) -> tuple[KeyFile, KeyRecord]:
            limited = found(keys, key_id).model_copy(update={"limits": limits})
            return keys.with_replaced(limited), limited

        return self.store.change(change)

    def revoke(self, key_id: str, *, now: datetime) -> KeyRecord:
        """Revoke a key, and return its record; running gateways refuse it within a second.

        Raises:
            KeyNotFound: No key has that id.
            KeysUnavailable: The keys cannot be read or written.
        """

        def change(keys: KeyFile) -> tuple[KeyFile, KeyRecord]:
            found(keys, key_id)
            revoked = keys.with_revoked(key_id, now)
            return revoked, revoked.find(key_id)

        return self.store.change(change)


def found(keys: KeyFile, key_id: str) -> KeyRecord:
    """Return the key with an id.

    Raises:
        KeyNotFound: No key has it.
    """
    try:
        return keys.find(key_id)
    except KeyError:
        raise KeyNotFound(
            f"no key {key_id[:MAX_SHOWN_ID]!r}; see: fairlead keys list, or GET /v1/admin/keys", param="id"
        ) from None
