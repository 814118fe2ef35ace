"""Tokens that open nothing: our own kind, and that of an identity provider."""

import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.gateway.builders import CLAIMS, HEADER, KEY, base64url, signed
from tests.gateway.lets_no_one_in.house import NOW, House, ours
from tests.gateway.support.idp import ISSUER, idp_token, jwk, jwks, private_key

pytestmark = pytest.mark.asyncio(loop_scope="module")

YEAR_S = 365 * 24 * 3600
SAID = {**CLAIMS, "iat": NOW - 10, "exp": NOW + 3600}
CLAIMS_JSON = json.dumps(SAID)
HEADER_JSON = json.dumps(HEADER)

UNSIGNED = ".".join(base64url(part) for part in (b'{"alg":"none","typ":"JWT"}', CLAIMS_JSON.encode()))

OURS = {
    "alg none": UNSIGNED + ".",
    "alg nOnE, signed": ours(header={"alg": "nOnE"}),
    "alg HS384": signed('{"alg":"HS384","typ":"JWT"}', CLAIMS_JSON, key=b"k" * 48, digest="sha384"),
    "alg RS256 with the key as secret": ours(header={"alg": "RS256"}),
    "alg ES256": ours(header={"alg": "ES256"}),
    "alg as a list": ours(header={"alg": ["HS256"]}),
    "no alg": signed('{"typ":"JWT"}', CLAIMS_JSON),
    "wrong key": ours(key=b"x" * 32),
    "empty key": ours(key=b""),
    "stripped signature": ours().rsplit(".", 1)[0] + ".",
    "tampered claims": ".".join([ours().split(".")[0], base64url(b'{"tenant":"globex"}'), ours().split(".")[2]]),
    "expired": ours(exp=NOW - 31),
    "no exp": ours(without="exp"),
    "exp null": ours(exp=None),
    "exp as a string": ours(exp=str(NOW + 60)),
    "exp as a float": ours(exp=NOW + 60.5),
    "exp true": ours(exp=True),
    "exp infinite": signed(HEADER_JSON, CLAIMS_JSON.replace(str(SAID["exp"]), "Infinity")),
    "exp NaN": signed(HEADER_JSON, CLAIMS_JSON.replace(str(SAID["exp"]), "NaN")),
    "exp in the year 9999": ours(exp=253402300799),
    "exp beyond the longest life": ours(exp=NOW + 2 * YEAR_S),
    "exp negative": ours(exp=-1),
    "nbf in the future": ours(nbf=NOW + 600),
    "nbf as a string": ours(nbf="now"),
    "iat in the future": ours(iat=NOW + 600),
    "no issuer": ours(without="iss"),
    "foreign issuer": ours(iss="fairlead2"),
    "issuer as a list": ours(iss=["fairlead"]),
    "no audience": ours(without="aud"),
    "audience null": ours(aud=None),
    "foreign audience": ours(aud="fair"),
    "audience that begins alike": ours(aud="fairlead.example"),
    "two audiences": ours(aud=["fairlead", "other"]),
    "no subject": ours(without="sub"),
    "subject as a number": ours(sub=1),
    "empty subject": ours(sub=""),
    "no tenant": ours(without="tenant"),
    "tenant as a list": ours(tenant=["acme"]),
    "tenant with a slash": ours(tenant="acme/../globex"),
    "tenant with a line break": ours(tenant="acme\n"),
    "crit header": ours(header={"crit": ["exp"]}),
    "b64 header": ours(header={"b64": False}),
    "kid with a path": ours(header={"kid": "../../dev/null"}),
    "kid with SQL": ours(header={"kid": "' OR 1=1 --"}),
    "kid as a number": ours(header={"kid": 1}),
    "jku header": ours(header={"jku": "https://evil.example/jwks.json"}),
    "x5u header": ours(header={"x5u": "https://evil.example/cert.pem"}),
    "jwk header": ours(header={"jwk": {"kty": "oct", "k": "AA"}}),
    "type of an identity token": ours(header={"typ": "id_token+jwt"}),
    "a claim twice": signed(HEADER_JSON, CLAIMS_JSON[:-1] + ', "tenant": "globex"}'),
    "alg twice": signed('{"alg":"none","alg":"HS256","typ":"JWT"}', CLAIMS_JSON),
    "too long": ours(sub="a", padding="x" * 8192),
    "five segments": ours() + ".a.b",
    "two segments": ".".join(ours().split(".")[:2]),
    "white space": ours().replace(".", " .", 1),
    "a tab": ours().replace(".", "\t.", 1),
    "not base64url": ours().replace(".", ".!", 1),
    "claims no object": signed(HEADER_JSON, "[1]"),
    "claims no JSON": signed(HEADER_JSON, "tenant=acme"),
    "claims no UTF-8": ".".join(base64url(part) for part in (HEADER_JSON.encode(), b"\xff", b"x" * 32)),
    "header nested deeply": signed('{"alg":' + "[" * 3000 + "]" * 3000 + "}", "{}"),
    "empty": "",
    "not ASCII": "é.é.é",
}


def theirs(kid: str = "one", algorithm: str = "RS256", **said: Any) -> str:
    """Return a token as the identity provider signs it, or nearly so."""
    return idp_token(kid, algorithm, **{"now": NOW, **said})


def hs_signed(key: bytes, **claims: Any) -> str:
    """Return a token of the issuer that is signed with some bytes as an HMAC key."""
    said = {"iss": ISSUER, "aud": "fairlead", "sub": "ann", "tenant": "acme", "exp": NOW + 60, **claims}
    parts = [json.dumps({"alg": "HS256", "kid": "one"}).encode(), json.dumps(said).encode()]
    text = ".".join(base64url(part) for part in parts)
    return f"{text}.{base64url(hmac.new(key, text.encode(), hashlib.sha256).digest())}"


def pem() -> bytes:
    return private_key().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


THEIRS: dict[str, Callable[[], str]] = {
    "HMAC with the public key as PEM": lambda: hs_signed(pem()),
    "HMAC with the public key as DER": lambda: hs_signed(
        private_key().public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    ),
    "HMAC with the JWK": lambda: hs_signed(json.dumps(jwk()).encode()),
    "HMAC with the JWKS": lambda: hs_signed(jwks()),
    "HMAC with nothing": lambda: hs_signed(b""),
    "HMAC with our own key": lambda: hs_signed(KEY),
    "our issuer, signed by theirs": lambda: theirs(iss="fairlead"),
    "PS256 with the same key": lambda: jwt.encode(
        {"iss": ISSUER, "aud": "fairlead", "sub": "a", "tenant": "acme", "exp": NOW + 60},
        private_key(),
        algorithm="PS256",
        headers={"kid": "one"},
    ),
    "RS512 with the same key": lambda: jwt.encode(
        {"iss": ISSUER, "aud": "fairlead", "sub": "a", "tenant": "acme", "exp": NOW + 60},
        private_key(),
        algorithm="RS512",
        headers={"kid": "one"},
    ),
    "another key under a known kid": lambda: theirs("other", header={"kid": "one"}),
    "another algorithm and key": lambda: theirs("one", "ES256"),
    "EdDSA": lambda: theirs("one", "EdDSA"),
    "stripped signature": lambda: theirs().rsplit(".", 1)[0] + ".",
    "tampered claims": lambda: ".".join(
        [theirs().split(".")[0], theirs(tenant="globex").split(".")[1], theirs().split(".")[2]]
    ),
    "jku": lambda: theirs(header={"jku": "https://evil.example/jwks.json"}),
    "x5u": lambda: theirs(header={"x5u": "https://evil.example/cert.pem"}),
    "x5c": lambda: theirs(header={"x5c": ["AAAA"]}),
    "embedded jwk": lambda: theirs("evil", header={"jwk": jwk("evil")}),
    "crit": lambda: theirs(header={"crit": ["exp"], "exp": 1}),
    "kid with a path": lambda: theirs(header={"kid": "../../../dev/null"}),
    "kid with SQL": lambda: theirs(header={"kid": "one' OR '1'='1"}),
    "type of an identity token": lambda: theirs(header={"typ": "id_token+jwt"}),
    "hash of an identity token": lambda: theirs(at_hash="AAAA"),
    "expired": lambda: theirs(exp=NOW - 31),
    "no exp": lambda: theirs(without="exp"),
    "a life of two days": lambda: theirs(exp=NOW + 2 * 86400),
    "issued long ago, for long": lambda: theirs(iat=NOW - 90_000, exp=NOW + 60),
    "nbf in the future": lambda: theirs(nbf=NOW + 600),
    "foreign issuer": lambda: theirs(iss="https://evil.example"),
    "issuer that begins alike": lambda: theirs(iss=ISSUER + "/"),
    "issuer in capitals": lambda: theirs(iss=ISSUER.upper()),
    "no issuer": lambda: theirs(without="iss"),
    "no audience": lambda: theirs(without="aud"),
    "audience that begins alike": lambda: theirs(aud="fairlead.example"),
    "audiences without ours": lambda: theirs(aud=["account", "fairlead2"]),
    "audiences with a number": lambda: theirs(aud=["fairlead", 1]),
    "audience as an object": lambda: theirs(aud={"fairlead": True}),
    "no subject": lambda: theirs(without="sub"),
    "no tenant": lambda: theirs(without="tenant"),
    "tenant as a list": lambda: theirs(tenant=["acme", "globex"]),
    "tenant with a slash": lambda: theirs(tenant="acme/globex"),
    "scopes as a number": lambda: theirs(scope=1),
    "scopes as an object": lambda: theirs(scope=[{"a": 1}]),
}


async def refused(house: House, credential: str) -> None:
    for asked in ("POST /v1/chat/completions", "GET /v1/models"):
        answer = await house.knock(credential=credential, asked=asked)
        assert (answer.status, answer.json["error"]["code"]) == (401, "invalid_api_key")
    assert house.upstream.seen == []


@pytest.mark.parametrize("credential", [ours(), theirs()], ids=["ours", "theirs"])
async def test_a_good_token_comes_in(house: House, credential: str) -> None:
    """The door is not simply shut."""
    assert (await house.knock(credential=credential)).status == 200
    assert len(house.upstream.seen) == 1


@pytest.mark.parametrize("credential", OURS.values(), ids=OURS.keys())
async def test_a_hostile_token_comes_not_in(house: House, credential: str) -> None:
    """Whatever is odd about a token, it opens nothing."""
    await refused(house, credential)


@pytest.mark.parametrize("make", THEIRS.values(), ids=THEIRS.keys())
async def test_a_hostile_token_of_a_known_issuer_comes_not_in(house: House, make: Callable[[], str]) -> None:
    """An identity provider's good name opens nothing by itself."""
    await refused(house, make())
