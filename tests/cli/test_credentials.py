"""Secrets and tokens of local mode."""

import stat
from datetime import timedelta

import jwt
import pytest

from fairlead_cli.credentials import create_credentials, mint_token, write_hop_secret
from fairlead_cli.errors import UnknownName
from fairlead_cli.home import Home
from fairlead_contract.errors import InvalidValue
from fairlead_contract.hop import hop_secret


def test_secrets_are_made_once(home: Home) -> None:
    """Secrets are made on first use, private, different from each other, and stay."""
    create_credentials(home)
    files = [home.jwt_key, home.ray_token, home.hop_key, home.pepper]
    before = [file.read_bytes() for file in files]
    create_credentials(home)
    assert [file.read_bytes() for file in files] == before
    assert len(set(before)) == 4
    assert all(len(secret) == 64 for secret in before)
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_token(home: Home) -> None:
    """A token speaks for its tenant, to Fairlead only, until its time is over."""
    token = mint_token(home, "local", timedelta(hours=1))
    claims = jwt.decode(token, home.jwt_key.read_bytes(), algorithms=["HS256"], audience="fairlead", issuer="fairlead")
    assert claims["tenant"] == "local"
    assert claims["exp"] - claims["iat"] == 3600


def test_a_token_is_an_admins_only_when_asked(home: Home) -> None:
    """A token carries the scope `admin` where that was asked for, and no scope otherwise."""
    tokens = [mint_token(home, "local", timedelta(hours=1), admin=admin) for admin in (False, True)]
    scopes = [jwt.decode(each, options={"verify_signature": False}).get("scope") for each in tokens]
    assert scopes == [None, "admin"]


def test_token_for_an_unknown_tenant(home: Home) -> None:
    """A tenant that tenants.yaml does not declare gets no token, and the message names those it does."""
    with pytest.raises(UnknownName, match=r"no tenant 'acme'.*write one of: local"):
        mint_token(home, "acme", timedelta(hours=1))


def test_hop_secret_file(home: Home) -> None:
    """A model's hop secret lies in a private file of its own, as the gateway derives it."""
    create_credentials(home)
    write_hop_secret(home, "demo")
    file = home.hop_folder / "demo"
    assert file.read_text() == hop_secret(home.hop_key.read_bytes(), "demo")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_scopes_of_a_token(home: Home) -> None:
    """A token says its scopes as OAuth does; one that is none is refused before anything is signed."""
    token = mint_token(home, "local", timedelta(hours=1), ["models:demo", "routes:chat"])
    assert jwt.decode(token, options={"verify_signature": False})["scope"] == "models:demo routes:chat"
    with pytest.raises(InvalidValue, match="'model:demo' is no scope"):
        mint_token(home, "local", timedelta(hours=1), ["model:demo"])
