"""What a token says: until when, for whom, who asks, for which tenant, narrowed to what.

This is checked before the signature, since it costs less and saves a look for the keys of tokens that are refused
anyway; it counts for nothing until the signature is proven.
"""

import re
from dataclasses import dataclass, field

from fairlead_contract.grants import Grants, is_scope, narrowing
from fairlead_contract.issuers import ClaimPath, Issuer, ScopesRule, TenantRule
from fairlead_contract.names import ADMIN_SCOPE, JWT_AUDIENCE, JWT_ISSUER, TENANT_CLAIM
from fairlead_contract.tenants import TENANT_PATTERN
from fairlead_gateway.token_form import InvalidToken

MAX_SUBJECT_CHARS = 256
MAX_VALUES = 256
"""Audiences, groups or scopes that one claim may list."""

ID_TOKEN_CLAIMS = frozenset({"at_hash", "c_hash"})
"""Only a token that tells a browser who logged in has these (OpenID Connect Core, section 3.3.2.11)."""

_TENANT = re.compile(TENANT_PATTERN)


@dataclass(frozen=True, slots=True)
class TokenRules:
    """What an issuer's tokens must look like.

    Attributes:
        sole_audience: Whether the audience must be ours alone, or may be one of several.
        max_ttl_s: Longest life of a token, in seconds.
        leeway_s: Seconds by which clocks may differ.
        admins: Whether the scope `admin` means something; in no tokens but our own.
    """

    issuer: str = JWT_ISSUER
    audience: str = JWT_AUDIENCE
    sole_audience: bool = True
    max_ttl_s: int = 400 * 24 * 3600
    leeway_s: int = 30
    tenant: TenantRule = field(default_factory=lambda: TenantRule(claim=(TENANT_CLAIM,)))
    scopes: ScopesRule = field(default_factory=ScopesRule)
    admins: bool = False

    @classmethod
    def of(cls, declared: Issuer) -> "TokenRules":
        """Return the rules of a declared issuer."""
        return cls(
            issuer=declared.issuer,
            audience=declared.audience,
            sole_audience=False,
            max_ttl_s=declared.max_token_seconds,
            leeway_s=declared.leeway_seconds,
            tenant=declared.tenant,
            scopes=declared.scopes,
        )


@dataclass(frozen=True, slots=True)
class Claims:
    """What a valid token says.

    Attributes:
        expires_at: Unix seconds.
        scopes: What the token's scopes narrow the tenant's grants to, or None where it has none.
        is_admin: Whether the token is for whoever runs the platform.
    """

    tenant: str
    subject: str
    expires_at: int
    scopes: Grants | None = None
    is_admin: bool = False


def read_claims(claims: dict[str, object], rules: TokenRules, *, now: float) -> Claims:
    """Return what a token says.

    Raises:
        InvalidToken: It is not for us, not of this issuer, or not now.
    """
    expires_at = _check_times(claims, rules, now)
    if claims.get("iss") != rules.issuer:
        raise InvalidToken("foreign issuer")
    _check_audience(claims.get("aud"), rules)
    if not ID_TOKEN_CLAIMS.isdisjoint(claims):
        raise InvalidToken("an identity token, not an access token")
    words = _scope_words(claims, rules.scopes)
    return Claims(
        tenant=_tenant(claims, rules.tenant),
        subject=_subject(claims),
        expires_at=expires_at,
        scopes=narrowing(words),
        is_admin=rules.admins and ADMIN_SCOPE in words,
    )


def _check_times(claims: dict[str, object], rules: TokenRules, now: float) -> int:
    expires_at, issued_at, not_before = (_seconds(claims, name) for name in ("exp", "iat", "nbf"))
    if expires_at is None:
        raise InvalidToken("no exp")
    if expires_at + rules.leeway_s <= now:
        raise InvalidToken("expired")
    if any(moment is not None and moment > now + rules.leeway_s for moment in (issued_at, not_before)):
        raise InvalidToken("iat or nbf is in the future")
    if expires_at > (now if issued_at is None else issued_at) + rules.max_ttl_s + rules.leeway_s:
        raise InvalidToken("exp is too far away")
    return expires_at


def _check_audience(audience: object, rules: TokenRules) -> None:
    if audience in (rules.audience, [rules.audience]):
        return
    if rules.sole_audience or not isinstance(audience, list) or rules.audience not in _texts(audience, "aud"):
        raise InvalidToken("foreign audience")


def _tenant(claims: dict[str, object], rule: TenantRule) -> str:
    if rule.claim is None:
        return rule.name or ""
    value = _at(claims, rule.claim)
    if rule.values is None:
        if not isinstance(value, str) or not _TENANT.fullmatch(value):
            raise InvalidToken("no tenant")
        return value
    mapped = {rule.values[text] for text in _texts(value, "tenant") if text in rule.values}
    if len(mapped) != 1:
        raise InvalidToken("no tenant" if not mapped else "several tenants")
    return mapped.pop()


def _subject(claims: dict[str, object]) -> str:
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= MAX_SUBJECT_CHARS:
        raise InvalidToken("no subject")
    return subject


def _scope_words(claims: dict[str, object], rule: ScopesRule) -> list[str]:
    value = _at(claims, rule.claim)
    words = value.split() if isinstance(value, str) else [] if value is None else _texts(value, "scopes")
    if rule.required and not any(is_scope(word) for word in words):
        raise InvalidToken("no scope of ours")
    return words


def _at(claims: dict[str, object], path: ClaimPath) -> object:
    value: object = claims
    for name in path:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def _texts(value: object, what: str) -> list[str]:
    """Return a claim that is one text or a list of them as a list."""
    values = value if isinstance(value, list) else [value]
    texts = [each for each in values if isinstance(each, str)]
    if len(texts) != len(values) or len(values) > MAX_VALUES:
        raise InvalidToken(f"{what}: no text and no list of texts")
    return texts


def _seconds(claims: dict[str, object], name: str) -> int | None:
    value = claims.get(name)
    if value is None and name not in claims:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 2**53:
        raise InvalidToken(f"{name} is no whole number of seconds")
    return value
