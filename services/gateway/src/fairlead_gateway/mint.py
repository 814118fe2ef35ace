"""Signs a first token where the signing key is, which is in a gateway's pod: `python -m fairlead_gateway.mint TENANT`.

For trying an installation out, and for tests of it. People get tokens from an identity provider, programs API keys.
"""

import argparse
import sys
import time
from pathlib import Path

import jwt

from fairlead_contract.names import ADMIN_SCOPE, JWT_AUDIENCE, JWT_ISSUER, SCOPE_CLAIM, TENANT_CLAIM
from fairlead_gateway.issuers import LOCAL_ALGORITHM
from fairlead_gateway.jwt_tokens import read_token_key

KEY_FILE = Path("/var/run/fairlead/auth/jwt.key")
"""Where the chart mounts it."""


def mint(
    key: bytes,
    tenant: str,
    *,
    lifetime_s: int,
    issuer: str = JWT_ISSUER,
    audience: str = JWT_AUDIENCE,
    is_admin: bool = False,
) -> str:
    """Return a token for a tenant; an admin's sees every tenant's use and administers API keys."""
    now = int(time.time())
    claims = {
        "iss": issuer,
        "aud": audience,
        "sub": f"mint:{tenant}",
        TENANT_CLAIM: tenant,
        "iat": now,
        "exp": now + lifetime_s,
        **({SCOPE_CLAIM: ADMIN_SCOPE} if is_admin else {}),
    }
    return jwt.encode(claims, key, algorithm=LOCAL_ALGORITHM)


def main(arguments: list[str]) -> str:
    """Return the token that a command line asks for.

    Raises:
        OSError: The key cannot be read.
    """
    parser = argparse.ArgumentParser(prog="python -m fairlead_gateway.mint", description="Print a token.")
    parser.add_argument("tenant", help="the tenant that it speaks for")
    parser.add_argument("--admin", action="store_true", help="let it see every tenant's use and administer API keys")
    parser.add_argument("--lifetime-s", type=int, default=3600, help="how long it is valid, in seconds")
    parser.add_argument("--issuer", default=JWT_ISSUER, help="as FAIRLEAD_GATEWAY_ISSUER says")
    parser.add_argument("--audience", default=JWT_AUDIENCE, help="as FAIRLEAD_GATEWAY_AUDIENCE says")
    parser.add_argument("--key-file", type=Path, default=KEY_FILE, help="the key that signs it")
    given = parser.parse_args(arguments)
    return mint(
        read_token_key(given.key_file),
        given.tenant,
        lifetime_s=given.lifetime_s,
        issuer=given.issuer,
        audience=given.audience,
        is_admin=given.admin,
    )


if __name__ == "__main__":
    sys.stdout.write(main(sys.argv[1:]) + "\n")
