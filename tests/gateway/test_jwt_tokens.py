import json
from pathlib import Path

import pytest

from fairlead_gateway.issuers import local_issuer
from fairlead_gateway.jwt_tokens import TokenVerifier, read_token_key
from fairlead_gateway.token_claims import Claims, TokenRules
from fairlead_gateway.token_form import InvalidToken
from tests.gateway.builders import CLAIMS, HEADER, KEY, NOW, base64url, own_issuer, signed, token

YEAR_S = 365 * 24 * 3600
CLAIMS_JSON = json.dumps(CLAIMS)
HEADER_JSON = json.dumps(HEADER)

UNSIGNED = ".".join(base64url(part) for part in (b'{"alg":"none","typ":"JWT"}', CLAIMS_JSON.encode()))

HOSTILE = {
    "alg none": UNSIGNED + ".",
    "alg nOnE, signed": token(header={"alg": "nOnE"}),
    "alg HS384": signed('{"alg":"HS384","typ":"JWT"}', CLAIMS_JSON, key=b"k" * 48, digest="sha384"),
    "alg RS256 with the key as secret": token(header={"alg": "RS256"}),
    "alg ES256": token(header={"alg": "ES256"}),
    "alg as a list": token(header={"alg": ["HS256"]}),
    "no alg": signed('{"typ":"JWT"}', CLAIMS_JSON),
    "wrong key": token(key=b"x" * 32),
    "empty key": token(key=b""),
    "stripped signature": token().rsplit(".", 1)[0] + ".",
    "tampered claims": ".".join([token().split(".")[0], base64url(b'{"tenant":"globex"}'), token().split(".")[2]]),
    "expired": token(exp=int(NOW) - 31),
    "no exp": token(without="exp"),
    "exp null": token(exp=None),
    "exp as a string": token(exp=str(int(NOW) + 60)),
    "exp as a float": token(exp=NOW + 60.5),
    "exp true": token(exp=True),
    "exp infinite": signed(HEADER_JSON, CLAIMS_JSON.replace(str(CLAIMS["exp"]), "Infinity")),
    "exp NaN": signed(HEADER_JSON, CLAIMS_JSON.replace(str(CLAIMS["exp"]), "NaN")),
    "exp in the year 9999": token(exp=253402300799),
    "exp beyond the longest life": token(exp=int(NOW) + 2 * YEAR_S),
    "exp negative": token(exp=-1),
    "nbf in the future": token(nbf=int(NOW) + 31),
    "nbf as a string": token(nbf="now"),
    "iat in the future": token(iat=int(NOW) + 31),
    "no issuer": token(without="iss"),
    "foreign issuer": token(iss="fairlead2"),
    "issuer as a list": token(iss=["fairlead"]),
    "no audience": token(without="aud"),
    "audience null": token(aud=None),
    "foreign audience": token(aud="fair"),
    "audience that begins alike": token(aud="fairlead.example"),
    "two audiences": token(aud=["fairlead", "other"]),
    "no subject": token(without="sub"),
    "subject as a number": token(sub=1),
    "empty subject": token(sub=""),
    "no tenant": token(without="tenant"),
    "tenant as a list": token(tenant=["acme"]),
    "tenant with a slash": token(tenant="acme/../globex"),
    "tenant with a line break": token(tenant="acme\n"),
    "crit header": token(header={"crit": ["exp"]}),
    "b64 header": token(header={"b64": False}),
    "kid with a path": token(header={"kid": "../../dev/null"}),
    "kid with SQL": token(header={"kid": "' OR 1=1 --"}),
    "kid as a number": token(header={"kid": 1}),
    "jku header": token(header={"jku": "https://evil.example/jwks.json"}),
    "x5u header": token(header={"x5u": "https://evil.example/cert.pem"}),
    "jwk header": token(header={"jwk": {"kty": "oct", "k": "AA"}}),
    "type of an identity token": token(header={"typ": "id_token+jwt"}),
    "a claim twice": signed(HEADER_JSON, CLAIMS_JSON[:-1] + ', "tenant": "globex"}'),
    "alg twice": signed('{"alg":"none","alg":"HS256","typ":"JWT"}', CLAIMS_JSON),
    "too long": token(sub="a", padding="x" * 8192),
    "five segments": token() + ".a.b",
    "two segments": ".".join(token().split(".")[:2]),
    "white space": token() + " ",
    "line break": token() + "\n",
    "not base64url": token().replace(".", ".!", 1),
    "claims no object": signed(HEADER_JSON, "[1]"),
    "claims no JSON": signed(HEADER_JSON, "tenant=acme"),
    "claims no UTF-8": ".".join(base64url(part) for part in (HEADER_JSON.encode(), b"\xff", b"x" * 32)),
    "header nested deeply": signed('{"alg":' + "[" * 3000 + "]" * 3000 + "}", "{}"),
    "empty": "",
    "not ASCII": "é.é.é",
}


@pytest.fixture
def verifier() -> TokenVerifier:
    return TokenVerifier(own_issuer())


def test_a_token_that_obeys_every_rule_says_who_asks(verifier: TokenVerifier) -> None:
    """A valid token gives tenant, subject and expiry."""
    assert verifier.verify(token(), now=NOW) == Claims("acme", "ann", CLAIMS["exp"])


@pytest.mark.parametrize(
    "valid",
    [
        pytest.param(token(aud=["fairlead"]), id="exactly one audience in a list"),
        pytest.param(token(header={"kid": "2026-11.a_b"}), id="a tame kid"),
        pytest.param(token(header={"typ": "at+jwt"}), id="an access token's type"),
        pytest.param(token(exp=int(NOW) - 29), id="expired within the leeway"),
        pytest.param(token(iat=int(NOW) + 29), id="issued by a clock that runs ahead within the leeway"),
    ],
)
def test_what_the_rules_allow_is_accepted(verifier: TokenVerifier, valid: str) -> None:
    """Strictness stops where clocks and libraries differ without harm."""
    assert verifier.verify(valid, now=NOW).tenant == "acme"


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_token_is_refused(verifier: TokenVerifier, hostile: str) -> None:
    """Whatever is odd about a token, it opens nothing."""
    with pytest.raises(InvalidToken):
        verifier.verify(hostile, now=NOW)


def test_a_short_key_is_refused_at_start() -> None:
    """A key that could be guessed never verifies anything."""
    with pytest.raises(ValueError, match="at least 32"):
        local_issuer(b"short", TokenRules())


def test_the_key_is_the_files_content_without_its_line_end(tmp_path: Path) -> None:
    """An editor's line end is no part of the key."""
    path = tmp_path / "jwt.key"
    path.write_bytes(KEY + b"\n")
    assert read_token_key(path) == KEY
