"""The form of a JSON web token, checked before anything in it is believed.

Nothing that an attacker chose is interpreted further than needed: size, characters, a short list of header fields, no
field twice, strict JSON. What a header could point to (`jku`, `x5u`, `jwk`) or demand (`crit`, `b64`) is refused.

Sources: RFC 8725 (JSON Web Token Best Current Practices); the notes of CVE-2026-48523 and CVE-2026-48526 for PyJWT.
"""

import binascii
import json
import re
from base64 import urlsafe_b64decode
from dataclasses import dataclass

MAX_TOKEN_CHARS = 8192
HEADER_FIELDS = frozenset({"alg", "typ", "kid", "x5t", "x5t#S256"})
"""The thumbprints (`x5t`) are Entra's; nothing reads them."""

TOKEN_TYPES = frozenset({"JWT", "at+jwt"})

_FORM = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_KEY_ID = re.compile(r"[A-Za-z0-9._-]{1,128}|[A-Za-z0-9+/]{1,128}={0,2}")
"""A tame word, or standard base64, which some identity providers use; it is compared, and looked up nowhere else."""


class InvalidToken(Exception):
    """Why a token is refused; for the log, never for the client."""


@dataclass(frozen=True, slots=True)
class UnverifiedToken:
    """A well-formed token of which nothing is proven yet.

    Attributes:
        text: The token as it was sent.
        algorithm: What its header names; it is compared with the issuer's, never used.
        key_id: Its `kid`, or None.
        claims: What it says.
    """

    text: str
    algorithm: str
    key_id: str | None
    claims: dict[str, object]


def read_token(text: str) -> UnverifiedToken:
    """Take a token apart.

    Raises:
        InvalidToken: It has not the form that tokens have here.
    """
    if len(text) > MAX_TOKEN_CHARS:
        raise InvalidToken("too long")
    if not _FORM.fullmatch(text):
        raise InvalidToken("not three parts of base64url")
    head, payload, _ = text.split(".")
    header = _json_object(_decoded(head, "header"), "header")
    if not header.keys() <= HEADER_FIELDS:
        raise InvalidToken("header fields beyond alg, typ, kid and x5t")
    if header.get("typ", "JWT") not in TOKEN_TYPES:
        raise InvalidToken("foreign type")
    algorithm, key_id = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str):
        raise InvalidToken("no alg")
    if "kid" in header and not (isinstance(key_id, str) and _KEY_ID.fullmatch(key_id)):
        raise InvalidToken("malformed kid")
    claims = _json_object(_decoded(payload, "claims"), "claims")
    return UnverifiedToken(text, algorithm, key_id if isinstance(key_id, str) else None, claims)


def _decoded(part: str, what: str) -> bytes:
    try:
        return urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except (binascii.Error, ValueError):
        raise InvalidToken(f"{what}: no base64url") from None


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
