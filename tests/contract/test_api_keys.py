import json
from datetime import UTC, datetime, timedelta

import pytest

from fairlead_contract.api_keys import KeyFile, KeyRecord, key_id_of, mint
from fairlead_contract.tenants import Limits

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PEPPER = b"p" * 32


def test_minted_key_matches_its_record_only() -> None:
    """A minted key matches its own record, under its own pepper, and no other key does."""
    key, record = mint(PEPPER, "acme", now=NOW)
    other, _ = mint(PEPPER, "acme", now=NOW)

    assert record.matches(PEPPER, key)
    assert not record.matches(b"q" * 32, key)
    assert not record.matches(PEPPER, other)
    assert key_id_of(key) == record.id


def test_key_is_not_stored() -> None:
    """The record holds nothing of the secret."""
    key, record = mint(PEPPER, "acme", now=NOW)

    assert key.split("-", 2)[2] not in record.model_dump_json()


@pytest.mark.parametrize("text", ["", "fl-", "sk-abc", "fl-0123456789ab-short", "fl-0123456789AB-" + "x" * 43])
def test_not_a_key(text: str) -> None:
    """A text that has not the form of a key has no id."""
    assert key_id_of(text) is None


def test_expiry_and_revocation() -> None:
    """A key opens nothing once it is revoked or its time is over."""
    _, record = mint(PEPPER, "acme", now=NOW, expires_at=NOW + timedelta(hours=1))
    revoked = KeyFile(keys=(record,)).with_revoked(record.id, NOW).keys[0]

    assert record.is_active(NOW)
    assert not record.is_active(NOW + timedelta(hours=1))
    assert not revoked.is_active(NOW)


def test_first_revocation_stays() -> None:
    """Revoking twice keeps the time of the first revocation."""
    _, record = mint(PEPPER, "acme", now=NOW)
    once = KeyFile(keys=(record,)).with_revoked(record.id, NOW)

    assert once.with_revoked(record.id, NOW + timedelta(days=1)) == once


def test_revoking_an_unknown_key() -> None:
    """An id that no key has cannot be revoked."""
    with pytest.raises(KeyError):
        KeyFile().with_revoked("0" * 12, NOW)


def test_limits_of_a_key_survive_json() -> None:
    """A key may have limits of its own, written as the tenants file writes them."""
    _, record = mint(PEPPER, "acme", now=NOW)
    document = json.loads(record.model_dump_json()) | {"limits": {"tokensPerDay": 1000, "costPerDay": 0.5}}
    read = KeyRecord.model_validate_json(json.dumps(document))

    assert read.limits == Limits(tokens_per_day=1000, cost_per_day=0.5)
    assert KeyRecord.model_validate_json(read.model_dump_json()) == read


def test_file_survives_json() -> None:
    """The key file reads back as it was written."""
    _, record = mint(PEPPER, "acme", now=NOW, name="laptop")
    file = KeyFile().with_key(record)

    assert KeyFile.model_validate_json(file.model_dump_json()) == file
