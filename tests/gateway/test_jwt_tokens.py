"""Our own tokens that are good; those that are not are in `lets_no_one_in/test_tokens.py`."""

from pathlib import Path

import pytest

from fairlead_gateway.issuers import local_issuer
from fairlead_gateway.jwt_tokens import TokenVerifier, read_token_key
from fairlead_gateway.token_claims import Claims, TokenRules
from fairlead_gateway.token_form import InvalidToken
from tests.gateway.builders import CLAIMS, KEY, NOW, own_issuer, token


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


@pytest.mark.parametrize("space", [" ", "\n", "\x00"])
def test_nothing_stands_beside_a_token(verifier: TokenVerifier, space: str) -> None:
    """What the wire would strip or refuse is refused here too."""
    with pytest.raises(InvalidToken):
        verifier.verify(token() + space, now=NOW)


def test_a_short_key_is_refused_at_start() -> None:
    """A key that could be guessed never verifies anything."""
    with pytest.raises(ValueError, match="at least 32"):
        local_issuer(b"short", TokenRules())


def test_the_key_is_the_files_content_without_its_line_end(tmp_path: Path) -> None:
    """An editor's line end is no part of the key."""
    path = tmp_path / "jwt.key"
    path.write_bytes(KEY + b"\n")
    assert read_token_key(path) == KEY
