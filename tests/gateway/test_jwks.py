"""Which keys of an issuer are believed."""

import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from fairlead_contract.issuers import Algorithm
from fairlead_gateway.jwks import MAX_JWKS_BYTES, InvalidKeys, read_jwks, read_key_file
from tests.gateway.support.idp import jwk, jwks, private_key

RSA_1024 = jwt.get_algorithm_by_name("RS256").to_jwk(
    rsa.generate_private_key(public_exponent=65537, key_size=1024).public_key(),  # noqa: S505 - it is to be refused
    as_dict=True,
)
P384 = jwt.get_algorithm_by_name("ES384").to_jwk(ec.generate_private_key(ec.SECP384R1()).public_key(), as_dict=True)


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_a_key_of_each_algorithm_is_found_by_its_id(algorithm: Algorithm) -> None:
    """Keys are looked up by the token's kid."""
    keys = read_jwks(jwks(jwk("a", algorithm), jwk("b", algorithm)), algorithm)
    assert keys.find("a") == private_key(algorithm, "a").public_key()
    assert (keys.find("c"), keys.find(None)) == (None, None)


def test_the_only_key_serves_tokens_that_name_none() -> None:
    """A token without a kid can mean only the one key there is."""
    assert read_jwks(jwks(), "RS256").find(None) is not None


def test_a_key_without_an_id_serves_every_token() -> None:
    """A set of one nameless key needs no names."""
    assert read_jwks(jwks(jwk(None)), "RS256").find("anything") is not None


UNUSABLE: dict[str, dict[str, Any]] = {
    "for encryption": jwk(use="enc"),
    "of another algorithm": jwk(alg="RS512"),
    "for encryption by its operations": jwk(key_ops=["encrypt"]),
    "of another kind": jwk("one", "ES256"),
    "symmetric": {"kty": "oct", "kid": "one", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA", "alg": "RS256"},
    "with its private part": {**jwk(), "d": "AQAB"},
    "too short": {**RSA_1024, "kid": "one", "key_ops": ["verify"]},
    "with an exponent of 2^33": jwk(e="AgAAAAE"),
    "without a modulus": {"kty": "RSA", "kid": "one", "e": "AQAB"},
    "whose modulus is no base64": jwk(n="***"),
    "whose id is a number": {**jwk(), "kid": 1},
    "that is no object": [1],  # type: ignore[dict-item]
}


@pytest.mark.parametrize("unusable", UNUSABLE.values(), ids=UNUSABLE.keys())
def test_a_key_that_cannot_verify_is_passed_over(unusable: dict[str, Any]) -> None:
    """What is not meant for signatures, or is weak, leaves the others usable and is not used itself."""
    assert set(read_jwks(jwks(unusable, jwk("good")), "RS256").by_id) == {"good"}
    with pytest.raises(InvalidKeys):
        read_jwks(jwks(unusable), "RS256")


def test_a_curve_that_the_algorithm_has_not_is_passed_over() -> None:
    """ES256 is P-256 and nothing else."""
    with pytest.raises(InvalidKeys):
        read_jwks(jwks({**P384, "kid": "one"}), "ES256")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>Sign in</html>",
        b"[]",
        b'{"keys": {}}',
        b'{"keys": []}',
        b"[" * 100_000,
        b"\xff\xfe",
        jwks(jwk("a"), {**jwk("b"), "kid": "a"}),
        jwks(jwk(None), jwk("b")),
        json.dumps({"keys": [jwk()] * 257}).encode(),
        b" " * MAX_JWKS_BYTES + jwks(),
    ],
)
def test_a_document_that_is_no_key_set_is_refused_whole(content: bytes) -> None:
    """A document that is broken or ambiguous gives no keys at all."""
    with pytest.raises(InvalidKeys):
        read_jwks(content, "RS256")


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_a_pem_file_holds_one_key(algorithm: Algorithm) -> None:
    """A public key as openssl writes it will do."""
    key = private_key(algorithm).public_key()
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    assert read_key_file(pem, algorithm).find("any") == key


@pytest.mark.parametrize("content", [b"-----BEGIN NONSENSE-----", b"not a key"])
def test_a_file_that_holds_no_key_is_refused(content: bytes) -> None:
    """A key file with something else in it is told, not obeyed."""
    with pytest.raises(InvalidKeys):
        read_key_file(content, "RS256")


def test_a_pem_key_of_another_kind_is_refused() -> None:
    """The file must fit the declared algorithm."""
    pem = private_key("ES256").public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(InvalidKeys, match="another kind"):
        read_key_file(pem, "RS256")


def test_keys_are_kept_where_they_are_the_same_under_the_same_id() -> None:
    """One more key keeps what was proven; one fewer, or another under its id, does not."""
    one, two = jwk("one"), jwk("two")
    before = read_jwks(jwks(one), "RS256")
    assert read_jwks(jwks(one, two), "RS256").keeps(before)
    assert not read_jwks(jwks(two), "RS256").keeps(before)
    assert not read_jwks(jwks({**two, "kid": "one"}), "RS256").keeps(before)
