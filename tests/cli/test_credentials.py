"""Secrets, tokens and keys of local mode."""

import stat
import threading
from datetime import UTC, datetime, timedelta

import jwt
import pytest

from fairlead_cli.credentials import create_credentials, mint_token, write_hop_secret
from fairlead_cli.errors import UnknownName
from fairlead_cli.home import Home
from fairlead_cli.keys import create_key, read_keys, revoke_key, rotate_key
from fairlead_contract.errors import InvalidValue
from fairlead_contract.hop import hop_secret

NOW = datetime(2026, 11, 21, tzinfo=UTC)


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


def test_key_is_stored_as_its_hash_only(home: Home) -> None:
    """A key is returned once; the file holds nothing that opens anything."""
    key, record = create_key(home, "local", name="laptop", lifetime=timedelta(days=1), now=NOW)
    assert key not in home.api_keys.read_text()
    assert key.split("-", 2)[2] not in home.api_keys.read_text()
    assert read_keys(home).keys == (record,)
    assert record.matches(home.pepper.read_bytes(), key)
    assert record.expires_at == NOW + timedelta(days=1)
    assert stat.S_IMODE(home.api_keys.stat().st_mode) == 0o600


def test_rotated_key(home: Home) -> None:
    """A rotated key keeps its id, its expiry and its scopes; both keys are good, the old one for a while."""
    scopes = ["routes:chat"]
    old, record = create_key(home, "local", name="ci", lifetime=timedelta(days=9), now=NOW, scopes=scopes)
    new, rotated = rotate_key(home, record.id, grace=timedelta(hours=1), lifetime=None, now=NOW)
    assert new != old
    assert read_keys(home).keys == (rotated,)
    assert (rotated.id, rotated.expires_at, rotated.scopes) == (record.id, record.expires_at, ("routes:chat",))
    pepper = home.pepper.read_bytes()
    assert [rotated.opens(pepper, key, NOW) for key in (old, new)] == [True, True]
    assert [rotated.opens(pepper, key, NOW + timedelta(hours=1)) for key in (old, new)] == [False, True]
    assert new.split("-", 2)[2] not in home.api_keys.read_text()


def test_rotating_what_opens_nothing(home: Home) -> None:
    """A revoked or expired key is not brought back to life by rotation."""
    _, record = create_key(home, "local", name="", lifetime=timedelta(days=1), now=NOW)
    with pytest.raises(InvalidValue, match="fairlead keys create"):
        rotate_key(home, record.id, grace=timedelta(hours=1), lifetime=None, now=NOW + timedelta(days=2))
    with pytest.raises(UnknownName, match="fairlead keys list"):
        rotate_key(home, "0" * 12, grace=timedelta(hours=1), lifetime=None, now=NOW)


def test_rotated_key_with_a_new_life(home: Home) -> None:
    """Rotation may give a key a new expiry."""
    _, record = create_key(home, "local", name="", lifetime=timedelta(days=1), now=NOW)
    _, rotated = rotate_key(home, record.id, grace=timedelta(hours=1), lifetime=timedelta(days=30), now=NOW)
    assert rotated.expires_at == NOW + timedelta(days=30)


def test_scopes_of_a_token(home: Home) -> None:
    """A token says its scopes as OAuth does; one that is none is refused before anything is signed."""
    token = mint_token(home, "local", timedelta(hours=1), ["models:demo", "routes:chat"])
    assert jwt.decode(token, options={"verify_signature": False})["scope"] == "models:demo routes:chat"
    with pytest.raises(InvalidValue, match="'model:demo' is no scope"):
        mint_token(home, "local", timedelta(hours=1), ["model:demo"])


def test_revoked_key(home: Home) -> None:
    """A revoked key stays listed and is active no more."""
    _, record = create_key(home, "local", name="", lifetime=None, now=NOW)
    revoke_key(home, record.id, now=NOW)
    assert [key.is_active(NOW) for key in read_keys(home).keys] == [False]


def test_revoking_an_unknown_key(home: Home) -> None:
    """Revoking a key that does not exist says where to look."""
    with pytest.raises(UnknownName, match="fairlead keys list"):
        revoke_key(home, "0" * 12, now=NOW)


def test_keys_made_at_once(home: Home) -> None:
    """Keys that are made at the same time are all kept."""
    create_credentials(home)
    makers = [
        threading.Thread(target=create_key, args=(home, "local"), kwargs={"name": "", "lifetime": None, "now": NOW})
        for _ in range(8)
    ]
    for maker in makers:
        maker.start()
    for maker in makers:
        maker.join()
    assert len(read_keys(home).keys) == 8
