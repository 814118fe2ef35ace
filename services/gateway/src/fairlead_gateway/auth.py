"""Authentication: the caller's token or key becomes a Principal, from memory.

A token is verified once and then remembered by the SHA-256 of all of it until it expires; a part of a token never
identifies it. All is forgotten when an issuer or one of its keys is withdrawn. Whether its tenant exists and is active,
and what is granted to it, is asked on every request.

Nobody waits for a network but the bearer of a token that names a key not known yet, for two seconds at most.
"""

import hashlib
import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import parse_qsl

from fairlead_contract.errors import IdentityUnavailable, Unauthenticated
from fairlead_contract.grants import Grants, narrowing
from fairlead_contract.tenants import Limits, Tenant
from fairlead_gateway.failed_attempts import FailedAttempts
from fairlead_gateway.headers import Headers
from fairlead_gateway.jwt_tokens import KeyMissing, TokenVerifier
from fairlead_gateway.key_ring import KeyRing
from fairlead_gateway.key_source import COOL_DOWN_S
from fairlead_gateway.principal import NO_LIMITS, Principal
from fairlead_gateway.tenants import TenantDirectory
from fairlead_gateway.token_claims import Claims
from fairlead_gateway.token_form import InvalidToken

REFUSAL = (
    "Missing or invalid credentials. Send the header `Authorization: Bearer <token>`, with a token that "
    "`fairlead token` prints or an API key that `fairlead keys create` makes."
)
"""One text for every reason, so that nobody learns which part of a guess was right."""

QUERY_REFUSAL = (
    "Credentials in the address are refused, because addresses end up in logs. "
    "Send the header `Authorization: Bearer <token>` instead."
)
KEYS_REFUSAL = "The keys of your token's issuer cannot be fetched at the moment. Send the request again later."

QUERY_CREDENTIALS = frozenset({"key", "api_key", "api-key", "apikey", "x-api-key", "token", "access_token"})

_CREDENTIAL_HEADERS = frozenset({b"authorization", b"x-api-key"})

MAX_CREDENTIAL_BYTES = 8192
MAX_REMEMBERED = 10_000

log = logging.getLogger(__name__)


class Authenticator:
    """Turns request headers into a Principal.

    Args:
        attempts: Counts failures; None where nobody counts them.
        clock: Unix seconds.
        max_remembered: Verified tokens kept in memory; the least recently used goes first.
    """

    def __init__(
        self,
        verifier: TokenVerifier,
        keys: KeyRing,
        tenants: TenantDirectory,
        *,
        attempts: FailedAttempts | None = None,
        clock: Callable[[], float] = time.time,
        max_remembered: int = MAX_REMEMBERED,
    ) -> None:
        self._attempts = attempts
        self._verifier = verifier
        self._keys = keys
        self._tenants = tenants
        self._clock = clock
        self._max_remembered = max_remembered
        self._verified: OrderedDict[bytes, _Verified] = OrderedDict()
        self._version = verifier.version

    async def authenticate(self, headers: Headers, query: bytes = b"", *, peer: str = "") -> Principal:
        """Return who is asking.

        Args:
            headers: Lower-case names and raw values.
            query: The part of the address behind `?`; credentials in it are refused.
            peer: The address that the connection comes from.

        Raises:
            Unauthenticated: For every reason with the same text.
            TooManyFailedAttempts: Instead of it, where the client has failed too often.
            IdentityUnavailable: The token's key is not known and its issuer does not answer.
        """
        try:
            return await self._identify(headers, query)
        except Unauthenticated as refusal:
            if self._attempts is None:
                raise
            raise self._attempts.count(refusal, peer, headers) from None

    async def _identify(self, headers: Headers, query: bytes) -> Principal:
        if query and _has_credentials(query):
            raise Unauthenticated(QUERY_REFUSAL)
        credential = _credential(headers)
        try:
            principal = self._of(credential)
        except KeyMissing as missing:
            await missing.source.renew()
            principal = self._of_renewed(credential)
        if principal is None:
            raise Unauthenticated(REFUSAL)
        return principal

    def _of_renewed(self, credential: str) -> Principal | None:
        try:
            return self._of(credential)
        except KeyMissing as missing:
            if missing.source.failing:
                raise IdentityUnavailable(KEYS_REFUSAL, retry_after_s=COOL_DOWN_S) from None
            log.info("token refused: %s", missing)
            return None

    def _of(self, credential: str) -> Principal | None:
        return self._of_key(credential) if credential.startswith("fl-") else self._of_token(credential)

    def _of_key(self, key: str) -> Principal | None:
        record = self._keys.find(key, now=datetime.fromtimestamp(self._clock(), UTC))
        if record is None:
            return None
        declared = self._declared(record.tenant)
        if declared is None:
            return None
        subject, scopes = record.name or record.id, narrowing(record.scopes)
        return _principal(declared, record.tenant, subject, scopes, key_id=record.id, key_limits=record.limits)

    def _of_token(self, token: str) -> Principal | None:
        now = self._clock()
        version = self._verifier.version
        if version != self._version:
            self._verified.clear()
            self._version = version
        fingerprint = hashlib.sha256(token.encode("ascii")).digest()
        known = self._verified.get(fingerprint)
        if known is None or known.claims.expires_at <= now:
            claims = self._verify(token, now)
            if claims is None:
                self._verified.pop(fingerprint, None)
                return None
            known = self._verified[fingerprint] = _Verified(claims)
            if len(self._verified) > self._max_remembered:
                self._verified.popitem(last=False)
        else:
            self._verified.move_to_end(fingerprint)
        return self._of_verified(known)

    def _of_verified(self, known: "_Verified") -> Principal | None:
        claims, declared = known.claims, self._declared(known.claims.tenant)
        if declared is None:
            return None
        if known.principal is None or declared is not known.declared:
            known.declared = declared
            known.principal = _principal(
                declared, claims.tenant, claims.subject, claims.scopes, is_admin=claims.is_admin
            )
        return known.principal

    def _verify(self, token: str, now: float) -> Claims | None:
        try:
            return self._verifier.verify(token, now=now)
        except InvalidToken as error:
            log.info("token refused: %s", error)
            return None

    def _declared(self, tenant: str) -> Tenant | None:
        declared = self._tenants.find(tenant)
        if declared is None:
            log.info("tenant %s is not declared or is disabled", tenant)
        return declared


@dataclass(slots=True)
class _Verified:
    """A token that was verified.

    Attributes:
        declared: Its tenant as it was declared when the principal was made, which is made anew when that changes.
    """

    claims: Claims
    declared: Tenant | None = None
    principal: Principal | None = None


def _principal(
    declared: Tenant,
    tenant: str,
    subject: str,
    scopes: Grants | None,
    *,
    key_id: str | None = None,
    key_limits: Limits = NO_LIMITS,
    is_admin: bool = False,
) -> Principal:
    grants = (declared.grants,) if scopes is None else (declared.grants, scopes)
    return Principal(
        tenant, declared.plan, subject, key_id=key_id, key_limits=key_limits, grants=grants, is_admin=is_admin
    )


def _credential(headers: Headers) -> str:
    """Return the one credential that the headers hold: a bearer token, or Anthropic's `x-api-key`."""
    given = [header for header in headers if header[0] in _CREDENTIAL_HEADERS]
    if len(given) != len(dict(given)):
        raise Unauthenticated(REFUSAL)
    found = [_bearer(value) if name == b"authorization" else value.strip() for name, value in given]
    if not found or found[0] != found[-1]:
        raise Unauthenticated(REFUSAL)
    credential = found[0]
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
