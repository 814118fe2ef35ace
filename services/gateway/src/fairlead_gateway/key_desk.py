"""Administration of API keys: who may make which keys, done beside the event loop, and told in the log.

An admin may make keys for every tenant. A key never has more rights than whoever makes it: where the admin's own
tenant or token is narrowed, so must be the key, and only such keys can be rotated, for that hands out their rights too.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar

from fairlead_contract.api_keys import KeyRecord, KeyWanted
from fairlead_contract.errors import InvalidValue, PermissionDenied
from fairlead_contract.grants import Grants, check_scopes, narrowing
from fairlead_contract.key_register import KeyRegister, found
from fairlead_contract.tenants import Limits
from fairlead_gateway.principal import Principal
from fairlead_gateway.tenants import TenantDirectory

MAX_SHOWN_TENANT: Final = 63

Done = TypeVar("Done")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class KeyDesk:
    """Where admins have keys made, rotated, limited and revoked.

    Attributes:
        reread: Puts changed keys in force in this gateway at once; the others see the change by themselves.
    """

    register: KeyRegister
    tenants: TenantDirectory
    reread: Callable[[], object]
    _turn: asyncio.Lock = field(init=False, default_factory=asyncio.Lock)
    """A lock held elsewhere for long costs one thread and not all of them."""

    async def page(self, tenant: str | None, *, after: str | None, limit: int) -> tuple[tuple[KeyRecord, ...], bool]:
        """Return keys, revoked and expired ones too, in the order in which they were made.

        Args:
            tenant: Whose keys; None for all.
            after: Id of the key after which they begin; None for the first ones.
            limit: How many at most.

        Returns:
            The keys, and whether there are more.

        Raises:
            KeyNotFound: No key has the id `after`.
            KeysUnavailable: They cannot be read.
        """
        keys = await asyncio.to_thread(self.register.store.read)
        begin = 0 if after is None else 1 + [each.id for each in keys.keys].index(found(keys, after).id)
        those = [each for each in keys.keys[begin:] if tenant in {None, each.tenant}]
        return tuple(those[:limit]), len(those) > limit

    async def find(self, key_id: str) -> KeyRecord:
        """Return one key.

        Raises:
            KeyNotFound: No key has that id.
            KeysUnavailable: The keys cannot be read.
        """
        return found(await asyncio.to_thread(self.register.store.read), key_id)

    async def create(self, wanted: KeyWanted, admin: Principal) -> tuple[str, KeyRecord]:
        """Make a key; return it in clear, for this once, and its record.

        Raises:
            InvalidValue: There is no such tenant or scope.
            PermissionDenied: The key would have more rights than the admin.
            KeysUnavailable: The keys cannot be read or written.
        """
        if self.tenants.find(wanted.tenant) is None:
            shown = wanted.tenant[:MAX_SHOWN_TENANT]
            raise InvalidValue(
                f"There is no active tenant `{shown}`. Declare it in the tenants file first.", param="tenant"
            )
        _check_rights(admin, check_scopes(wanted.scopes))
        key, record = await self._changed(lambda: self.register.create(wanted, now=datetime.now(UTC)))
        _tell("created", record, admin)
        return key, record

    async def rotate(
        self, key_id: str, admin: Principal, *, grace: timedelta, lifetime: timedelta | None
    ) -> tuple[str, KeyRecord]:
        """Give a key a new secret; return it in clear, for this once, and its record.

        Raises:
            KeyNotFound: No key has that id.
            InvalidValue: The key is revoked or expired.
            PermissionDenied: The key has more rights than the admin.
            KeysUnavailable: The keys cannot be read or written.
        """
        # Scopes never change, so what is found here is what will be rotated.
        _check_rights(admin, (await self.find(key_id)).scopes)
        key, record = await self._changed(
            lambda: self.register.rotate(key_id, grace=grace, lifetime=lifetime, now=datetime.now(UTC))
        )
        _tell("rotated", record, admin)
        return key, record

    async def limit(self, key_id: str, limits: Limits, admin: Principal) -> KeyRecord:
        """Put other limits in the place of a key's own and return its record.

        Raises:
            KeyNotFound: No key has that id.
            PermissionDenied: The key has more rights than the admin.
            KeysUnavailable: The keys cannot be read or written.
        """
        _check_rights(admin, (await self.find(key_id)).scopes)
        record = await self._changed(lambda: self.register.limit(key_id, limits))
        _tell("limited", record, admin)
        return record

    async def revoke(self, key_id: str, admin: Principal) -> KeyRecord:
        """Revoke a key and return its record.

        Raises:
            KeyNotFound: No key has that id.
            KeysUnavailable: The keys cannot be read or written.
        """
        record = await self._changed(lambda: self.register.revoke(key_id, now=datetime.now(UTC)))
        _tell("revoked", record, admin)
        return record

    async def _changed(self, change: Callable[[], Done]) -> Done:
        async with self._turn:
            done = await asyncio.to_thread(change)
        self.reread()
        return done


def _check_rights(admin: Principal, scopes: tuple[str, ...]) -> None:
    rights = narrowing(scopes) or Grants()
    if not all(own.cover(rights) for own in admin.grants):
        raise PermissionDenied(
            "A key cannot have more rights than whoever makes it, and yours are narrowed. Name scopes that you have "
            "yourself, such as `models:NAME` and `routes:NAME`, or use a token without them.",
            param="scopes",
        )


def _tell(what: str, record: KeyRecord, admin: Principal) -> None:
    log.info(
        "api key %s",
        what,
        extra={"key_id": record.id, "key_tenant": record.tenant, "by": admin.subject, "by_tenant": admin.tenant},
    )
