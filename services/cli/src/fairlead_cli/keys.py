"""API keys of local mode: one file of keyed hashes, which the gateway watches."""

from datetime import datetime, timedelta

from fairlead_cli.credentials import create_credentials, require_tenant
from fairlead_cli.errors import UnknownName
from fairlead_cli.files import create_once, locked, write_atomically
from fairlead_cli.home import Home
from fairlead_contract.api_keys import KeyFile, KeyRecord, mint

_LOCK = ".api-keys.lock"


def create_key_file(home: Home) -> None:
    """Write an empty key file where there is none."""
    create_once(home.api_keys, KeyFile().model_dump_json(indent=2).encode())


def read_keys(home: Home) -> KeyFile:
    """Return all keys, revoked and expired ones too."""
    create_key_file(home)
    return KeyFile.model_validate_json(home.api_keys.read_bytes())


def create_key(
    home: Home, tenant: str, *, name: str, lifetime: timedelta | None, now: datetime
) -> tuple[str, KeyRecord]:
    """Make a key for a tenant.

    Returns:
        The key in clear, which is kept nowhere, and its record.

    Raises:
        UnknownName: tenants.yaml does not declare the tenant.
    """
    create_credentials(home)
    require_tenant(home, tenant)
    expires_at = now + lifetime if lifetime else None
    key, record = mint(home.pepper.read_bytes(), tenant, now=now, name=name, expires_at=expires_at)
    with locked(home.root / _LOCK):
        _write(home, read_keys(home).with_key(record))
    return key, record


def revoke_key(home: Home, key_id: str, *, now: datetime) -> None:
    """Revoke a key; running gateways refuse it within a second.

    Raises:
        UnknownName: No key has that id.
    """
    with locked(home.root / _LOCK):
        try:
            _write(home, read_keys(home).with_revoked(key_id, now))
        except KeyError:
            raise UnknownName(f"no key {key_id!r}; see: fairlead keys list", param="id") from None


def _write(home: Home, keys: KeyFile) -> None:
    write_atomically(home.api_keys, keys.model_dump_json(indent=2))
