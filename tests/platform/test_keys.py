"""API keys come into force and out of it while the platform runs."""

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
