"""Authentication: the caller's token or key becomes a Principal, from memory, without a network.

A token is verified once and then remembered by the SHA-256 of all of it until it expires; a part of a token never
identifies it. Whether its tenant exists and is active is asked on every request.
"""

import hashlib
import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import parse_qsl

from fairlead_contract.errors import Unauthenticated
from fairlead_contract.tenants import Limits
from fairlead_gateway.headers import Headers, values
from fairlead_gateway.jwt_tokens import Claims, InvalidToken, TokenVerifier
from fairlead_gateway.key_ring import KeyRing
from fairlead_gateway.principal import NO_LIMITS, Principal
from fairlead_gateway.tenants import TenantDirectory

REFUSAL = (
    "Missing or invalid credentials. Send the header `Authorization: Bearer <token>`, with a token that "
    "`fairlead token` prints or an API key that `fairlead keys create` makes."
)
"""One text for every reason, so that nobody learns which part of a guess was right."""

QUERY_REFUSAL = (
    "Credentials in the address are refused, because addresses end up in logs. "
    "Send the header `Authorization: Bearer <token>` instead."
)
QUERY_CREDENTIALS = frozenset({"key", "api_key", "api-key", "apikey", "x-api-key", "token", "access_token"})

MAX_CREDENTIAL_BYTES = 8192
MAX_REMEMBERED = 10_000

log = logging.getLogger(__name__)


class Authenticator:
    """Turns request headers into a Principal.

    Args:
        clock: Unix seconds.
        max_remembered: Verified tokens kept in memory; the least recently used goes first.
    """

    def __init__(
        self,
        verifier: TokenVerifier,
        keys: KeyRing,
        tenants: TenantDirectory,
        *,
        clock: Callable[[], float] = time.time,
        max_remembered: int = MAX_REMEMBERED,
    ) -> None:
        self._verifier = verifier
        self._keys = keys
        self._tenants = tenants
        self._clock = clock
        self._max_remembered = max_remembered
        self._verified: OrderedDict[bytes, Claims] = OrderedDict()

    def authenticate(self, headers: Headers, query: bytes = b"") -> Principal:
        """Return who is asking.

        Args:
            headers: Lower-case names and raw values.
            query: The part of the address behind `?`; credentials in it are refused.

        Raises:
            Unauthenticated: For every reason with the same text.
        """
        if query and _has_credentials(query):
            raise Unauthenticated(QUERY_REFUSAL)
        credential = _credential(headers)
        principal = self._of_key(credential) if credential.startswith("fl-") else self._of_token(credential)
        if principal is None:
            raise Unauthenticated(REFUSAL)
        return principal

    def _of_key(self, key: str) -> Principal | None:
        record = self._keys.find(key, now=datetime.fromtimestamp(self._clock(), UTC))
        if record is None:
            return None
        return self._principal(record.tenant, record.name or record.id, record.id, record.limits)

    def _of_token(self, token: str) -> Principal | None:
        now = self._clock()
        fingerprint = hashlib.sha256(token.encode("ascii")).digest()
        claims = self._verified.get(fingerprint)
        if claims is None or claims.expires_at <= now:
            claims = self._verify(token, now)
            if claims is None:
                self._verified.pop(fingerprint, None)
                return None
            self._verified[fingerprint] = claims
            if len(self._verified) > self._max_remembered:
                self._verified.popitem(last=False)
        else:
            self._verified.move_to_end(fingerprint)
        return self._principal(claims.tenant, claims.subject, None)

    def _verify(self, token: str, now: float) -> Claims | None:
        try:
            return self._verifier.verify(token, now=now)
        except InvalidToken as error:
            log.info("token refused: %s", error)
            return None

    def _principal(
        self, tenant: str, subject: str, key_id: str | None, key_limits: Limits = NO_LIMITS
    ) -> Principal | None:
        plan = self._tenants.plan_of(tenant)
        if plan is None:
            log.info("tenant %s is not declared or is disabled", tenant)
            return None
        return Principal(tenant=tenant, plan=plan, subject=subject, key_id=key_id, key_limits=key_limits)


def _credential(headers: Headers) -> str:
    """Return the one credential that the headers hold: a bearer token, or Anthropic's `x-api-key`."""
    bearers = values(headers, b"authorization")
    keys = values(headers, b"x-api-key")
    if len(bearers) > 1 or len(keys) > 1:
        raise Unauthenticated(REFUSAL)
    found = {_bearer(value) for value in bearers} | {value.strip() for value in keys}
    if len(found) != 1:
        raise Unauthenticated(REFUSAL)
    credential = found.pop()
    if not 0 < len(credential) <= MAX_CREDENTIAL_BYTES or not credential.isascii():
        raise Unauthenticated(REFUSAL)
    return credential.decode("ascii")


def _bearer(value: bytes) -> bytes:
    scheme, _, credential = value.strip().partition(b" ")
    if scheme.lower() != b"bearer":
        raise Unauthenticated(REFUSAL)
    return credential.strip()


def _has_credentials(query: bytes) -> bool:
    names = (name.lower() for name, _ in parse_qsl(query.decode("latin-1"), keep_blank_values=True))
    return any(name in QUERY_CREDENTIALS for name in names)
