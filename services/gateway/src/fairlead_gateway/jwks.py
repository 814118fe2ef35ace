"""Public keys of an issuer, read from a JWKS document or a PEM file; only those that can verify its tokens are kept.

Sources: RFC 7517 (JSON Web Key); RFC 7518, sections 3.3 and 3.4 (key sizes); RFC 8037 (Ed25519).
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from fairlead_contract.issuers import Algorithm

PublicKey = RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey

MAX_JWKS_BYTES: Final = 256 * 1024
MAX_KEYS: Final = 256
MIN_RSA_BITS: Final = 2048
MAX_RSA_BITS: Final = 8192
MAX_RSA_EXPONENT: Final = 2**32

_KINDS: Final[Mapping[str, tuple[str, str | None]]] = MappingProxyType(
    {"RS256": ("RSA", None), "ES256": ("EC", "P-256"), "EdDSA": ("OKP", "Ed25519")}
)
"""Each algorithm's `kty` and `crv`."""

log = logging.getLogger(__name__)


class InvalidKeys(ValueError):
    """A document holds no keys that could verify anything."""


@dataclass(frozen=True, slots=True)
class KeySet:
    """Keys by their ids; a key without an id is the only one of its set."""

    by_id: Mapping[str | None, PublicKey | bytes] = field(default_factory=lambda: MappingProxyType({}))

    def find(self, key_id: str | None) -> PublicKey | bytes | None:
        """Return the key for a token's `kid`; where either has none, the only key there is."""
        found = self.by_id.get(key_id)
        if found is None and len(self.by_id) == 1 and (key_id is None or None in self.by_id):
            return next(iter(self.by_id.values()))
        return found

    def keeps(self, other: "KeySet") -> bool:
        """Return whether every key of another set is in this one, so that nothing proven by that is in doubt."""
        return all(_same(key, self.by_id.get(key_id)) for key_id, key in other.by_id.items())


def read_key_file(content: bytes, algorithm: Algorithm) -> KeySet:
    """Read a file that holds a JWKS document or one PEM public key.

    Raises:
        InvalidKeys: It holds no usable key.
    """
    if not content.lstrip().startswith(b"-----BEGIN"):
        return read_jwks(content, algorithm)
    try:
        key = load_pem_public_key(content)
    except (ValueError, UnsupportedAlgorithm):
        raise InvalidKeys("no PEM public key; write one that begins with -----BEGIN PUBLIC KEY-----") from None
    return KeySet(MappingProxyType({None: _strong(key, algorithm)}))


def read_jwks(content: bytes, algorithm: Algorithm) -> KeySet:
    """Read a JWKS document; keys for other purposes are passed over.

    Raises:
        InvalidKeys: It is none, is too large, is ambiguous, or holds no usable key.
    """
    if len(content) > MAX_JWKS_BYTES:
        raise InvalidKeys(f"the document is larger than {MAX_JWKS_BYTES} bytes")
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        raise InvalidKeys("the document is no JSON") from None
    listed = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(listed, list) or len(listed) > MAX_KEYS:
        raise InvalidKeys(f"the document has no `keys`, or more than {MAX_KEYS}")
    keys: dict[str | None, PublicKey | bytes] = {}
    for jwk in listed:
        if not isinstance(jwk, dict) or not _is_meant(jwk, algorithm):
            continue
        key = _public_key(jwk, algorithm)
        if key is None:
            continue
        key_id = jwk.get("kid")
        if key_id in keys:
            raise InvalidKeys("two keys have the same `kid`, or none")
        keys[key_id] = key
    if not keys or (None in keys and len(keys) > 1):
        raise InvalidKeys(f"the document holds no usable key for {algorithm}, or several of which one has no `kid`")
    return KeySet(MappingProxyType(keys))


def _is_meant(jwk: dict[str, Any], algorithm: Algorithm) -> bool:
    """Return whether a key says that it is a public one for signatures with an algorithm."""
    kind, curve = _KINDS[algorithm]
    operations = jwk.get("key_ops", ["verify"])
    key_id = jwk.get("kid")
    return (
        jwk.get("kty") == kind
        and jwk.get("crv") == curve
        and jwk.get("alg", algorithm) == algorithm
        and jwk.get("use", "sig") == "sig"
        and isinstance(operations, list)
        and "verify" in operations
        and (key_id is None or isinstance(key_id, str))
        and "d" not in jwk  # a private key that was published is no proof of anything
    )


def _public_key(jwk: dict[str, Any], algorithm: Algorithm) -> PublicKey | None:
    try:
        return _strong(jwt.PyJWK(jwk, algorithm).key, algorithm)
    except (jwt.PyJWTError, ValueError, TypeError, KeyError) as error:
        log.warning("a key of a JWKS document is passed over: %s", str(error) or type(error).__name__)
        return None


def _strong(key: object, algorithm: Algorithm) -> PublicKey:
    match algorithm, key:
        case "RS256", RSAPublicKey():
            bits, exponent = key.key_size, key.public_numbers().e
            if not MIN_RSA_BITS <= bits <= MAX_RSA_BITS or exponent > MAX_RSA_EXPONENT:
                raise InvalidKeys(f"an RSA key of {bits} bits; use one of {MIN_RSA_BITS} to {MAX_RSA_BITS}")
            return key
        case "ES256", EllipticCurvePublicKey(curve=SECP256R1()):
            return key
        case "EdDSA", Ed25519PublicKey():
            return key
        case _:
            raise InvalidKeys(f"a key of another kind than {algorithm} needs")


def _same(one: PublicKey | bytes, other: PublicKey | bytes | None) -> bool:
    return other is not None and _identity(one) == _identity(other)


def _identity(key: PublicKey | bytes) -> bytes:
    return key if isinstance(key, bytes) else key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
