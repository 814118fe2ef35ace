"""First tokens, signed where the key is."""

import time
from pathlib import Path

import pytest

from fairlead_gateway.jwt_tokens import TokenVerifier
from fairlead_gateway.mint import main
from fairlead_gateway.token_form import InvalidToken
from tests.gateway.builders import KEY, own_issuer


@pytest.fixture
def key_file(tmp_path: Path) -> str:
    """The signing key, as a Secret's mount shows it."""
    path = tmp_path / "jwt.key"
    path.write_bytes(KEY)
    return f"--key-file={path}"


def test_a_token_speaks_for_its_tenant(key_file: str) -> None:
    """A token that was minted is taken, for its tenant and its time, and no admin's."""
    claims = TokenVerifier(own_issuer()).verify(main(["acme", key_file, "--lifetime-s", "60"]), now=time.time())

    assert claims.tenant == "acme"
    assert not claims.is_admin
    assert 0 < claims.expires_at - time.time() <= 60


def test_an_admins_token(key_file: str) -> None:
    """With --admin it is an admin's."""
    assert TokenVerifier(own_issuer()).verify(main(["acme", key_file, "--admin"]), now=time.time()).is_admin


def test_a_token_of_another_issuer_is_refused(key_file: str) -> None:
    """What --issuer says is what the token says."""
    with pytest.raises(InvalidToken):
        TokenVerifier(own_issuer()).verify(main(["acme", key_file, "--issuer", "somebody"]), now=time.time())
