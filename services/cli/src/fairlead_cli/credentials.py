"""Secrets of local mode: made once, kept in files of mode 0600, never in arguments or logs."""

import secrets
import time
from collections.abc import Iterable
from datetime import timedelta

import jwt

from fairlead_cli.errors import UnknownName
from fairlead_cli.home import Home
from fairlead_cli.tenants_file import read_tenants
from fairlead_contract.files import create_once
from fairlead_contract.grants import check_scopes
from fairlead_contract.hop import hop_secret
from fairlead_contract.names import ADMIN_SCOPE, JWT_AUDIENCE, JWT_ISSUER, SCOPE_CLAIM, TENANT_CLAIM

KEY_BYTES = 32


def create_credentials(home: Home) -> None:
    """Make the secrets that do not exist yet."""
    for path in (home.jwt_key, home.ray_token, home.hop_key, home.pepper):
        create_once(path, secrets.token_hex(KEY_BYTES).encode())


def write_hop_secret(home: Home, model: str) -> None:
    """Write the file from which a model's replicas read the secret that the gateway must show them."""
    create_once(home.hop_folder / model, hop_secret(home.hop_key.read_bytes(), model).encode())


def mint_token(home: Home, tenant: str, lifetime: timedelta, scopes: Iterable[str] = (), *, admin: bool = False) -> str:
    """Sign a bearer token for a tenant, narrowed to scopes if given; an admin's also sees other tenants' use.

    Raises:
        UnknownName: tenants.yaml does not declare the tenant.
        InvalidValue: A scope is none.
    """
    granted = " ".join((*check_scopes(scopes), *([ADMIN_SCOPE] if admin else [])))
    create_credentials(home)
    require_tenant(home, tenant)
    now = int(time.time())
    claims = {
        "iss": JWT_ISSUER,
        "aud": JWT_AUDIENCE,
        "sub": f"cli:{tenant}",
        TENANT_CLAIM: tenant,
        "iat": now,
        "exp": now + int(lifetime.total_seconds()),
        **({SCOPE_CLAIM: granted} if granted else {}),
    }
    return jwt.encode(claims, home.jwt_key.read_bytes(), algorithm="HS256")


def require_tenant(home: Home, tenant: str) -> None:
    """Check that tenants.yaml declares a tenant.

    Raises:
        UnknownName: It does not.
    """
    known = read_tenants(home).tenants
    if tenant not in known:
        names = ", ".join(sorted(known)) or "none"
        raise UnknownName(f"no tenant {tenant!r} in {home.tenants}; write one of: {names}", param="tenant")
