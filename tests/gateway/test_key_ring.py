from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from fairlead_contract.api_keys import KeyFile, KeyRecord, mint
from fairlead_gateway.key_ring import KeyRing, read_keys
from tests.gateway.builders import PEPPER, fixed

MOMENT = datetime(2026, 11, 21, tzinfo=UTC)


def ring(*records: KeyRecord) -> KeyRing:
    return KeyRing(fixed({record.id: record for record in records}), PEPPER)


def test_a_minted_key_is_found() -> None:
    """A key opens what its record says."""
    key, record = mint(PEPPER, "acme", now=MOMENT, name="ci")
    assert ring(record).find(key, now=MOMENT) == record


def test_a_key_with_another_secret_opens_nothing() -> None:
    """Knowing a key's id is not knowing the key."""
    key, record = mint(PEPPER, "acme", now=MOMENT)
    changed = key[:-1] + ("A" if key[-1] != "A" else "B")
    assert ring(record).find(changed, now=MOMENT) is None


@pytest.mark.parametrize("change", [str.upper, str.title, lambda key: key[:20], lambda key: key + "A"])
def test_a_key_in_another_form_opens_nothing(change: Callable[[str], str]) -> None:
    """A key is compared as a whole, letter by letter."""
    key, record = mint(PEPPER, "acme", now=MOMENT)
    assert ring(record).find(change(key), now=MOMENT) is None


def test_a_key_of_another_installation_opens_nothing() -> None:
    """A record is bound to its pepper."""
    key, record = mint(b"q" * 32, "acme", now=MOMENT)
    assert ring(record).find(key, now=MOMENT) is None


def test_a_revoked_key_opens_nothing() -> None:
    """Revocation counts from the moment the file says so."""
    key, record = mint(PEPPER, "acme", now=MOMENT)
    revoked = KeyFile(keys=(record,)).with_revoked(record.id, MOMENT).keys[0]
    assert ring(revoked).find(key, now=MOMENT) is None


def test_a_rotated_key_opens_beside_the_new_one_for_its_time_of_grace() -> None:
    """Rotation gives a new secret at once and leaves the old one time to be replaced."""
    old, record = mint(PEPPER, "acme", now=MOMENT)
    new, rotated = record.rotated(PEPPER, now=MOMENT, grace=timedelta(hours=1))
    keys = ring(rotated)
    assert [keys.find(key, now=MOMENT + timedelta(minutes=59)) for key in (old, new)] == [rotated, rotated]
    assert [keys.find(key, now=MOMENT + timedelta(hours=1)) for key in (old, new)] == [None, rotated]


def test_no_grace_ends_an_earlier_grace_too() -> None:
    """A rotation never lengthens what an older secret has left, and one without grace ends all of them."""
    oldest, record = mint(PEPPER, "acme", now=MOMENT)
    old, rotated = record.rotated(PEPPER, now=MOMENT, grace=timedelta(days=30))
    _, shorter = rotated.rotated(PEPPER, now=MOMENT, grace=timedelta(hours=1))
    assert [ring(shorter).find(key, now=MOMENT + timedelta(hours=1)) for key in (oldest, old)] == [None, None]
    newest, ended = rotated.rotated(PEPPER, now=MOMENT, grace=timedelta(0))
    assert [ring(ended).find(key, now=MOMENT) for key in (oldest, old, newest)] == [None, None, ended]
    assert ended.retired == ()


def test_a_key_that_is_rotated_often_stays_small() -> None:
    """Of the secrets in their time of grace the last three open."""
    key, record = mint(PEPPER, "acme", now=MOMENT)
    keys = [key]
    for _ in range(10):
        key, record = record.rotated(PEPPER, now=MOMENT, grace=timedelta(days=90))
        keys.append(key)
    assert [record.opens(PEPPER, each, MOMENT) for each in keys] == [False] * 7 + [True] * 4


def test_a_revoked_key_takes_what_it_was_before_with_it() -> None:
    """Grace does not outlive the key."""
    old, record = mint(PEPPER, "acme", now=MOMENT)
    new, rotated = record.rotated(PEPPER, now=MOMENT, grace=timedelta(hours=1))
    revoked = KeyFile(keys=(rotated,)).with_revoked(record.id, MOMENT).keys[0]
    assert [ring(revoked).find(key, now=MOMENT) for key in (old, new)] == [None, None]


def test_a_key_whose_scope_is_misspelt_leaves_the_last_good_file_in_force() -> None:
    """A scope that would narrow nothing is no scope, and the file that holds it is refused."""
    _, record = mint(PEPPER, "acme", now=MOMENT)
    content = KeyFile(keys=(record.model_copy(update={"scopes": ("model:demo",)}),)).model_dump_json()
    with pytest.raises(ValueError, match="scopes"):
        read_keys(content.encode())


def test_a_key_opens_nothing_from_its_expiry_on() -> None:
    """A key lives until its expiry, and not a moment longer."""
    key, record = mint(PEPPER, "acme", now=MOMENT, expires_at=MOMENT + timedelta(days=1))
    keys = ring(record)
    assert keys.find(key, now=MOMENT + timedelta(hours=23)) == record
    assert keys.find(key, now=MOMENT + timedelta(days=1)) is None


def test_a_file_with_one_id_twice_is_refused() -> None:
    """A record cannot be put over another one's."""
    _, record = mint(PEPPER, "acme", now=MOMENT)
    with pytest.raises(ValueError, match="same id"):
        read_keys(KeyFile(keys=(record, record)).model_dump_json().encode())
