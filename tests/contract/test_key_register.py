"""API keys in their file: what makes, rotates and revokes them, whoever does it."""

import stat
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fairlead_contract.api_keys import KeyFile, KeyRecord, KeyWanted
from fairlead_contract.errors import InvalidValue, KeyNotFound, KeysUnavailable
from fairlead_contract.files import locked
from fairlead_contract.key_register import KeyRegister
from fairlead_contract.key_store import MAX_FILE_BYTES, KeysInFile
from fairlead_contract.tenants import Limits

NOW = datetime(2026, 11, 21, tzinfo=UTC)
PEPPER = b"p" * 32
DAY_S = 24 * 3600
HOUR = timedelta(hours=1)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "api-keys.json"


@pytest.fixture
def register(file: Path) -> KeyRegister:
    return KeyRegister(KeysInFile(file), PEPPER)


def made(register: KeyRegister, **wanted: Any) -> tuple[str, KeyRecord]:
    return register.create(KeyWanted(**{"tenant": "acme", **wanted}), now=NOW)


def test_a_key_is_stored_as_its_hash_only(register: KeyRegister, file: Path) -> None:
    """A key is returned once; the file, which is private, holds nothing that opens anything."""
    key, record = made(register, name="laptop", ttl_seconds=DAY_S, limits=Limits(requests_per_minute=5))
    assert key.split("-", 2)[2] not in file.read_text()
    assert register.store.read().keys == (record,)
    assert record.matches(PEPPER, key)
    assert record.expires_at == NOW + timedelta(days=1)
    assert record.limits == Limits(requests_per_minute=5)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_hung_process_hangs_nobody(register: KeyRegister, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever finds the keys held for too long is told so, and reading goes on meanwhile."""
    monkeypatch.setattr("fairlead_contract.key_store.PATIENCE_S", 0.05)
    made(register)
    with locked(file.with_name(".api-keys.lock")), pytest.raises(KeysUnavailable, match="another process"):
        made(register)
    assert len(register.store.read().keys) == 1


def test_a_scope_that_is_none_makes_no_key(register: KeyRegister, file: Path) -> None:
    """A misspelt scope is refused before anything is written."""
    with pytest.raises(InvalidValue, match="'model:demo' is no scope"):
        made(register, scopes=("model:demo",))
    assert not file.exists()


def test_a_rotated_key(register: KeyRegister, file: Path) -> None:
    """A rotated key keeps id, expiry, scopes and limits; both secrets are good, the old one for a while."""
    old, record = made(
        register, ttl_seconds=9 * DAY_S, scopes=("routes:chat",), limits=Limits(tokens_per_day=7, cost_per_day=0.5)
    )
    new, rotated = register.rotate(record.id, grace=HOUR, lifetime=None, now=NOW)
    assert register.store.read().keys == (rotated,)
    changed = {"digest": rotated.digest, "retired": rotated.retired}
    assert rotated == record.model_copy(update=changed)
    assert [rotated.opens(PEPPER, key, NOW) for key in (old, new)] == [True, True]
    assert [rotated.opens(PEPPER, key, NOW + HOUR) for key in (old, new)] == [False, True]
    assert new.split("-", 2)[2] not in file.read_text()


def test_a_rotated_key_with_a_new_life(register: KeyRegister) -> None:
    """Rotation may give a key a new expiry, and the old secret no grace at all."""
    old, record = made(register, ttl_seconds=DAY_S)
    _, rotated = register.rotate(record.id, grace=timedelta(), lifetime=timedelta(days=30), now=NOW)
    assert rotated.expires_at == NOW + timedelta(days=30)
    assert not rotated.opens(PEPPER, old, NOW)


def test_a_limited_key(register: KeyRegister) -> None:
    """Other limits take the place of all that a key had, and change nothing else."""
    _, record = made(register, limits=Limits(tokens_per_day=7, cost_per_day=0.5))
    limited = register.limit(record.id, Limits(tokens_per_day=8))
    assert register.store.read().keys == (limited,)
    assert limited == record.model_copy(update={"limits": Limits(tokens_per_day=8)})
    with pytest.raises(KeyNotFound, match="fairlead keys list"):
        register.limit("0" * 12, Limits())


def test_what_opens_nothing_is_not_rotated(register: KeyRegister) -> None:
    """A revoked or expired key is not brought back to life by rotation."""
    _, record = made(register, ttl_seconds=DAY_S)
    with pytest.raises(InvalidValue, match="make another: fairlead keys create"):
        register.rotate(record.id, grace=HOUR, lifetime=None, now=NOW + timedelta(days=2))
    register.revoke(record.id, now=NOW)
    with pytest.raises(InvalidValue, match="make another"):
        register.rotate(record.id, grace=HOUR, lifetime=None, now=NOW)


def test_a_revoked_key(register: KeyRegister) -> None:
    """A revoked key stays listed and is active no more."""
    _, record = made(register)
    revoked = register.revoke(record.id, now=NOW)
    assert register.store.read().keys == (revoked,)
    assert not revoked.is_active(NOW)


def test_a_key_that_there_is_not(register: KeyRegister) -> None:
    """Who names a key that does not exist is told where to look."""
    with pytest.raises(KeyNotFound, match="fairlead keys list"):
        register.revoke("0" * 12, now=NOW)
    with pytest.raises(KeyNotFound, match="fairlead keys list"):
        register.rotate("0" * 12, grace=HOUR, lifetime=None, now=NOW)


def test_keys_made_at_once(register: KeyRegister) -> None:
    """Keys that are made at the same time are all kept."""
    makers = [threading.Thread(target=made, args=(register,)) for _ in range(8)]
    for maker in makers:
        maker.start()
    for maker in makers:
        maker.join()
    assert len(register.store.read().keys) == 8


def test_a_first_key_file(file: Path) -> None:
    """An empty file is written where there is none, and none that is there is touched."""
    store = KeysInFile(file)
    assert store.read() == KeyFile()
    store.create()
    before = file.read_text()
    assert KeyFile.model_validate_json(before) == KeyFile()
    file.write_text(before + "\n")
    store.create()
    assert file.read_text() == before + "\n"


@pytest.mark.parametrize("content", ["", "{", '{"keys": [{"id": "x"}]}'])
def test_a_broken_file_is_left_as_it_is(register: KeyRegister, file: Path, content: str) -> None:
    """A file that somebody broke is told, with nothing of its content, and not overwritten."""
    file.write_text(content)
    with pytest.raises(KeysUnavailable, match=r"api-keys\.json holds no API keys"):
        made(register)
    assert file.read_text() == content


def test_keys_that_cannot_be_written(tmp_path: Path) -> None:
    """Where the file may not be written, as on a mounted Secret, the error says so."""
    folder = tmp_path / "mounted"
    folder.touch()
    with pytest.raises(KeysUnavailable, match=r"api-keys\.json cannot be written: Not a directory"):
        made(KeyRegister(KeysInFile(folder / "api-keys.json"), PEPPER))


def test_a_full_file_takes_no_more(file: Path) -> None:
    """No file is written that gateways would refuse to read."""
    store = KeysInFile(file)
    store.create()
    _, record = made(KeyRegister(store, PEPPER), name="x" * 100)
    many = KeyFile(keys=(record,) * (MAX_FILE_BYTES // len(record.model_dump_json())))
    with pytest.raises(KeysUnavailable, match="is full"):
        store.change(lambda _: (many, None))
    assert store.read().keys == (record,)
