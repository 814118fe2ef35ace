"""API keys come into force and out of it while the platform runs."""

import json

import pytest

from fairlead_contract.api_keys import KEY_PATTERN
from tests.support.platform import Platform
from tests.support.waiting import eventually

pytestmark = pytest.mark.platform


def test_key_life(platform: Platform) -> None:
    """A key works within seconds, is listed without its secret, and stops within seconds after it was revoked."""
    key = platform.fairlead("keys", "create", "--name", "laptop").strip()
    found = KEY_PATTERN.fullmatch(key)
    assert found, "the key does not stand alone"

    eventually(lambda: platform.accepts(key), within_s=3, what="the new key is accepted")
    listed = platform.fairlead("keys", "list")
    assert found["id"] in listed
    assert "laptop" in listed
    assert found["secret"] not in listed

    platform.fairlead("keys", "revoke", found["id"])
    eventually(lambda: not platform.accepts(key), within_s=3, what="the revoked key is refused")
    assert platform.accepts(platform.token)


def test_key_of_another_tenant(platform: Platform) -> None:
    """A key for a tenant that is not declared is refused, in words that say who is."""
    refused = platform.run("keys", "create", "--tenant", "nobody")
    assert refused.returncode != 0
    assert "local" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_key_made_over_http(platform: Platform) -> None:
    """A key that an admin made over HTTP works, is listed by the command line, and its use is told under its name."""
    admin = platform.fairlead("token", "--admin").strip()
    wanted = {"tenant": "local", "name": "made-over-http", "limits": {"requestsPerMinute": 60}}
    made = platform.post("/v1/admin/keys", wanted, token=admin).json()
    assert platform.chat(token=made["key"], max_tokens=3).is_success
    assert "requestsPerMinute: 60" in platform.fairlead("keys", "list")

    def told() -> bool:
        said = platform.fairlead("usage", "--by", "key")
        return f"{made['id']} made-over-http" in said

    eventually(told, within_s=10, what="the key's use is told")
    report = json.loads(platform.fairlead("usage", "--by", "key", "--days", "1", "--json"))
    (row,) = [row for row in report["data"] if row["key"] == made["id"]]
    assert row["requests"] == 1

    revoked = platform.fairlead("keys", "revoke", made["id"])
    assert revoked == ""
    eventually(lambda: not platform.accepts(made["key"]), within_s=3, what="the revoked key is refused")
