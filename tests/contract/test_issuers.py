"""The issuers file: what is taken, and one line per mistake."""

import json
from pathlib import Path
from typing import Any

import pytest

from fairlead_contract.errors import ManifestError
from fairlead_contract.issuers import NO_ISSUERS, parse_issuers

GOOD: dict[str, Any] = {
    "issuer": "https://id.example.com/realms/acme",
    "audience": "fairlead",
    "algorithm": "RS256",
    "keys": {"url": "https://id.example.com/certs"},
    "tenant": {"claim": "tenant"},
}


def parse(**fields: Any) -> Any:
    return parse_issuers(json.dumps({"issuers": {"idp": {**GOOD, **fields}}}), where="issuers.yaml").issuers["idp"]


def test_defaults_are_safe() -> None:
    """What is not said is bounded: half a minute between clocks, a day for a token and for stale keys."""
    declared = parse()
    assert (declared.leeway_seconds, declared.max_token_seconds, declared.scopes.claim) == (30, 86400, ("scope",))
    assert (declared.keys.refresh_seconds, declared.keys.stale_seconds) == (300, 86400)


@pytest.mark.parametrize("text", ["", "# nothing\n", "issuers: {}"])
def test_a_file_without_issuers_declares_nobody(text: str) -> None:
    """An empty file is no mistake."""
    assert parse_issuers(text, where="issuers.yaml") == NO_ISSUERS


def test_a_claim_is_a_name_or_a_path() -> None:
    """A name is taken whole, whatever dots and slashes it has; a path is a list."""
    assert parse(tenant={"claim": "https://a.example/tenant"}).tenant.claim == ("https://a.example/tenant",)
    assert parse(tenant={"claim": ["realm_access", "roles"], "values": {"ml": "acme"}}).tenant.claim == (
        "realm_access",
        "roles",
    )


@pytest.mark.parametrize("url", ["https://id.example.com:8443/certs", "http://127.0.0.1:8080/x", "http://[::1]/x"])
def test_keys_come_over_https_or_from_this_machine(url: str) -> None:
    """Plain HTTP is for loopback."""
    assert parse(keys={"url": url}).keys.url == url


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"algorithm": "HS256"}, "idp.algorithm: is 'HS256'; write one of: 'RS256', 'ES256' or 'EdDSA'"),
    ({"algorithm": ["RS256", "ES256"]}, "idp.algorithm"),
    ({"audience": ""}, "idp.audience: is ''; write at least 1 characters"),
    ({"audiences": "x"}, "idp.audiences: is not a known field; write 'audience'"),
    ({"keys": {"url": "http://id.example.com/certs"}}, "idp.keys.url: is not https; write https://"),
    ({"keys": {"url": "http://127.0.0.1.evil.example/certs"}}, "is not https"),
    ({"keys": {"url": "file:///etc/passwd"}}, "idp.keys.url"),
    ({"keys": {"url": "https://user:secret@id.example.com/certs"}}, "holds credentials; leave them out"),
    ({"keys": {"url": "https://id.example.com/a b"}}, "is no address"),
    ({"keys": {"url": "https://id.example.com:port/"}}, "is no address"),
    ({"keys": {}}, "idp.keys: needs exactly one of url and file"),
    ({"keys": {"url": "https://a.example/", "file": "/b"}}, "needs exactly one of url and file"),
    ({"keys": {"file": "keys.json"}}, "idp.keys.file: is the relative path 'keys.json'; write it from the root"),
    ({"keys": {"url": "https://a.example/", "refreshSeconds": 1}}, "write a number of at least 30"),
    ({"keys": {"url": "https://a.example/", "refreshSeconds": 900, "staleSeconds": 600}}, "staleSeconds: is less"),
    ({"tenant": {}}, "idp.tenant: needs exactly one of name and claim"),
    ({"tenant": {"name": "acme", "claim": "tenant"}}, "needs exactly one of name and claim"),
    ({"tenant": {"name": "acme", "values": {"a": "acme"}}}, "values: belongs to claim"),
    ({"tenant": {"name": "A B"}}, "idp.tenant.name: is 'A B'"),
    ({"tenant": {"claim": "g", "values": {"a": "A B"}}}, "idp.tenant.values.a: is 'A B'"),
    ({"leewaySeconds": 3600}, "idp.leewaySeconds: is 3600; write a number of at most 300"),
    ({"maxTokenSeconds": 10**9}, "write a number of at most"),
]


@pytest.mark.parametrize("fields, words", WRONG)
def test_a_mistake_is_told_in_one_line(fields: dict[str, Any], words: str) -> None:
    """Each mistake has its path and says what to write instead."""
    with pytest.raises(ManifestError) as refused:
        parse(**fields)
    assert words in str(refused.value)
    assert str(refused.value).count("\n") == 0
    assert "secret" not in str(refused.value)


def test_two_declarations_of_one_issuer_are_a_mistake() -> None:
    """An issuer has one algorithm and one set of keys."""
    with pytest.raises(ManifestError, match=r"issuers\.b\.issuer: is that of 'a' already"):
        parse_issuers(json.dumps({"issuers": {"a": GOOD, "b": GOOD}}), where="issuers.yaml")


def test_the_examples_in_the_documentation_are_right() -> None:
    """What people copy from the page on identity is taken."""
    page = (Path(__file__).parents[2] / "docs" / "identity.md").read_text()
    examples = [block.split("```")[0] for block in page.split("```yaml\n")[1:]]
    issuers = [example for example in examples if example.startswith("issuers:")]
    assert len(issuers) >= 4
    for example in issuers:
        parse_issuers(example, where="identity.md")
