"""Checks of JSON web tokens, stricter than the standard asks.

The token's form is checked before its signature, so that nothing an attacker chose is interpreted further than needed:
size, characters, a short list of header fields, one algorithm, no field twice. Then the signature, then the claims:
issuer, audience, an expiry that is a number and not years away, a subject, a tenant.

Sources: RFC 8725 (JSON Web Token Best Current Practices); the notes of CVE-2026-48523 and CVE-2026-48526 for PyJWT.
"""

import binascii
import json
import re
from base64 import urlsafe_b64decode
from dataclasses import dataclass
from pathlib import Path

import jwt

from fairlead_contract.names import JWT_AUDIENCE, JWT_ISSUER, SCOPE_CLAIM, TENANT_CLAIM
from fairlead_contract.tenants import TENANT_PATTERN

ALGORITHM = "HS256"
MIN_KEY_BYTES = 32
MAX_TOKEN_CHARS = 8192
HEADER_FIELDS = frozenset({"alg", "typ", "kid"})
TOKEN_TYPES = frozenset({"JWT", "at+jwt"})

_FORM = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_KEY_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_TENANT = re.compile(TENANT_PATTERN)
MAX_SUBJECT_CHARS = 256


class InvalidToken(Exception):
    """Why a token is refused; for the log, never for the client."""


@dataclass(frozen=True, slots=True)
class TokenRules:
    """What tokens must look like.

    Attributes:
        max_ttl_s: Longest time, in seconds, that a token may still have to live.
        leeway_s: Seconds by which clocks may differ.
    """

    issuer: str = JWT_ISSUER
    audience: str = JWT_AUDIENCE
    max_ttl_s: int = 400 * 24 * 3600
    leeway_s: int = 30


@dataclass(frozen=True, slots=True)
class Claims:
    """What a valid token says."""

    tenant: str
    subject: str
    expires_at: int
    scopes: frozenset[str] = frozenset()


class TokenVerifier:
    """Verifies HS256 tokens under one key.

    Raises:
        ValueError: The key has fewer than 32 bytes (RFC 7518, section 3.2).
    """

    def __init__(self, key: bytes, rules: TokenRules) -> None:
        if len(key) < MIN_KEY_BYTES:
            raise ValueError(f"the token key has {len(key)} bytes; give it at least {MIN_KEY_BYTES} random ones")
        self._key = key
        self._rules = rules
        # The claims are checked here against one clock, instead of by the library against another.
        self._jws = jwt.PyJWS(algorithms=[ALGORITHM], options={"enforce_minimum_key_length": True})

    def verify(self, token: str, *, now: float) -> Claims:
        """Return what a token says.

        Args:
            token: The token as it was sent.
            now: Unix seconds.

        Raises:
            InvalidToken: The token is not one of ours, or not now.
        """
        _check_form(token)
        try:
            payload = self._jws.decode(token, key=self._key, algorithms=[ALGORITHM])
        except jwt.InvalidTokenError as error:
            raise InvalidToken(f"signature: {type(error).__name__}") from None
        claims = _json_object(payload, "claims")
        expires_at = self._check_times(claims, now)
        self._check_origin(claims)
        return Claims(tenant=_tenant(claims), subject=_subject(claims), expires_at=expires_at, scopes=_scopes(claims))

    def _check_times(self, claims: dict[str, object], now: float) -> int:
        leeway_s = self._rules.leeway_s
        expires_at = _seconds(claims, "exp")
        if expires_at is None:
            raise InvalidToken("no exp")
        if expires_at + leeway_s <= now:
            raise InvalidToken("expired")
        if expires_at > now + self._rules.max_ttl_s + leeway_s:
            raise InvalidToken("exp is too far away")
        for name in ("nbf", "iat"):
            moment = _seconds(claims, name)
            if moment is not None and moment > now + leeway_s:
                raise InvalidToken(f"{name} is in the future")
        return expires_at

    def _check_origin(self, claims: dict[str, object]) -> None:
        if claims.get("iss") != self._rules.issuer:
            raise InvalidToken("foreign issuer")
        if claims.get("aud") not in (self._rules.audience, [self._rules.audience]):
            raise InvalidToken("foreign audience")


def read_token_key(path: Path) -> bytes:
    """Read the token key: the file's content without surrounding white space."""
    return path.read_bytes().strip()


def _check_form(token: str) -> None:
    if len(token) > MAX_TOKEN_CHARS:
        raise InvalidToken("too long")
    if not _FORM.fullmatch(token):
        raise InvalidToken("not three parts of base64url")
    head = token.split(".", 1)[0]
    try:
        content = urlsafe_b64decode(head + "=" * (-len(head) % 4))
    except (binascii.Error, ValueError):
        raise InvalidToken("header is no base64url") from None
    header = _json_object(content, "header")
    if not header.keys() <= HEADER_FIELDS:
        raise InvalidToken("header fields beyond alg, typ and kid")
    if header.get("alg") != ALGORITHM:
        raise InvalidToken("foreign algorithm")
    if header.get("typ", "JWT") not in TOKEN_TYPES:
        raise InvalidToken("foreign type")
    key_id = header.get("kid", "-")
    if not isinstance(key_id, str) or not _KEY_ID.fullmatch(key_id):
        raise InvalidToken("malformed kid")


def _json_object(content: bytes, what: str) -> dict[str, object]:
    try:
        value = json.loads(content.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise InvalidToken(f"{what}: no strict JSON") from None
    if not isinstance(value, dict):
        raise InvalidToken(f"{what}: no JSON object")
    return value


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a field is given twice")
    return fields


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON")


def _seconds(claims: dict[str, object], name: str) -> int | None:
    value = claims.get(name)
    if value is None and name not in claims:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 2**53:
        raise InvalidToken(f"{name} is no whole number of seconds")
    return value


def _tenant(claims: dict[str, object]) -> str:
    tenant = claims.get(TENANT_CLAIM)
    if not isinstance(tenant, str) or not _TENANT.fullmatch(tenant):
        raise InvalidToken("no tenant")
    return tenant


def _subject(claims: dict[str, object]) -> str:
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= MAX_SUBJECT_CHARS:
        raise InvalidToken("no subject")
    return subject


def _scopes(claims: dict[str, object]) -> frozenset[str]:
    scopes = claims.get(SCOPE_CLAIM, "")
    if not isinstance(scopes, str):
        raise InvalidToken("scope is no text")
    return frozenset(scopes.split())
