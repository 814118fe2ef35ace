"""API keys of local mode: one file of keyed hashes, which the gateway watches."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from fairlead_cli.credentials import create_credentials, require_tenant
from fairlead_cli.errors import UnknownName
from fairlead_cli.files import create_once, locked, write_atomically
from fairlead_cli.home import Home
from fairlead_contract.api_keys import KeyFile, KeyRecord, mint
from fairlead_contract.errors import InvalidValue
from fairlead_contract.grants import check_scopes

_LOCK = ".api-keys.lock"


def create_key_file(home: Home) -> None:
    """Write an empty key file where there is none."""
    create_once(home.api_keys, KeyFile().model_dump_json(indent=2).encode())


def read_keys(home: Home) -> KeyFile:
    """Return all keys, revoked and expired ones too."""
    create_key_file(home)
    return KeyFile.model_validate_json(home.api_keys.read_bytes())


def create_key(
    home: Home,
    tenant: str,
    *,
    name: str,
    lifetime: timedelta | None,
    now: datetime,
    scopes: Iterable[str] = (),
) -> tuple[str, KeyRecord]:
    """Make a key for a tenant.

    Returns:
        The key in clear, which is kept nowhere, and its record.

    Raises:
        UnknownName: tenants.yaml does not declare the tenant.
        InvalidValue: A scope is none.
    """
    checked = check_scopes(scopes)
    create_credentials(home)
    require_tenant(home, tenant)
    expires_at = now + lifetime if lifetime else None
    key, record = mint(home.pepper.read_bytes(), tenant, now=now, name=name, expires_at=expires_at, scopes=checked)
    with locked(home.root / _LOCK):
        _write(home, read_keys(home).with_key(record))
    return key, record


def rotate_key(
    home: Home, key_id: str, *, grace: timedelta, lifetime: timedelta | None, now: datetime
) -> tuple[str, KeyRecord]:
    """Give a key a new secret; the old one opens for a time of grace, in which its users change over.

    Without a new lifetime the key's expiry stays as it is.

    Returns:
        The key in clear, which is kept nowhere, and its record.

    Raises:
        UnknownName: No key has that id.
        InvalidValue: The key is revoked or expired, and opens nothing that could be handed on.
    """
    with locked(home.root / _LOCK):
        keys = read_keys(home)
        record = _find(keys, key_id)
        if not record.is_active(now):
            raise InvalidValue(f"key {key_id} is revoked or expired; make another: fairlead keys create", param="id")
        key, rotated = record.rotated(home.pepper.read_bytes(), now=now, grace=grace)
        if lifetime is not None:
            rotated = rotated.model_copy(update={"expires_at": now + lifetime})
        _write(home, keys.with_replaced(rotated))
    return key, rotated


def revoke_key(home: Home, key_id: str, *, now: datetime) -> None:
    """Revoke a key; running gateways refuse it within a second.

    Raises:
        UnknownName: No key has that id.
    """
    with locked(home.root / _LOCK):
        keys = read_keys(home)
        _find(keys, key_id)
        _write(home, keys.with_revoked(key_id, now))


def _find(keys: KeyFile, key_id: str) -> KeyRecord:
    try:
        return keys.find(key_id)
    except KeyError:
        raise UnknownName(f"no key {key_id!r}; see: fairlead keys list", param="id") from None


def _write(home: Home, keys: KeyFile) -> None:
    write_atomically(home.api_keys, keys.model_dump_json(indent=2))
