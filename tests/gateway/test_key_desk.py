"""`/v1/admin/keys`: API keys administered through a whole gateway, beside the command line."""

import asyncio
import json
import logging
import re
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from redis.asyncio import Redis

from fairlead_contract.api_keys import KEY_PATTERN, KeyWanted
from fairlead_contract.key_register import KeyRegister
from fairlead_contract.key_store import KeysInFile
from fairlead_contract.tenants import Limits
from tests.gateway.builders import PEPPER, token
from tests.gateway.support.gateway import Gateway, chat, fresh_token, running_gateway
from tests.gateway.support.upstream import Upstream

KEYS = "/v1/admin/keys"


def admin_token(scope: str = "admin", tenant: str = "acme") -> str:
    now = int(time.time())
    return token(tenant=tenant, iat=now, exp=now + 3600, scope=scope)


async def ask(
    gateway: Gateway, method: str, path: str = "", body: Any = None, *, credential: str | None = None, **query: str
) -> httpx2.Response:
    """Send one request, an admin's unless told otherwise."""
    headers = {"authorization": f"Bearer {credential or admin_token()}", "content-type": "application/json"}
    content = None if body is None else body if isinstance(body, str) else json.dumps(body)
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{gateway.port}", timeout=30) as client:
        return await client.request(method, path or KEYS, content=content, headers=headers, params=query)


async def made(gateway: Gateway, **wanted: Any) -> dict[str, Any]:
    answer = await ask(gateway, "POST", body={"tenant": "acme", **wanted})
    assert answer.status_code == 201, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


async def opens(gateway: Gateway, key: str) -> bool:
    return (await ask(gateway, "GET", "/v1/models", credential=key)).is_success


async def test_a_key_is_made_and_works_at_once(gateway: Gateway) -> None:
    """The answer holds the key, this once, and the gateway that made it takes it from then on."""
    limits = {"requestsPerMinute": 60, "parallelRequests": 2, "costPerDay": 0.5}
    before = datetime.now(UTC)
    answer = await ask(
        gateway,
        "POST",
        body={
            "tenant": "globex",
            "name": "ci",
            "ttl_seconds": 3600,
            "scopes": ["models:demo", "routes:chat", "routes:models"],
            "limits": limits,
        },
    )
    assert answer.status_code == 201
    assert answer.headers["cache-control"] == "no-store"
    shown = answer.json()
    found = KEY_PATTERN.fullmatch(shown["key"])
    assert found
    assert found["id"] == shown["id"]
    assert (shown["tenant"], shown["name"], shown["state"]) == ("globex", "ci", "active")
    assert {name: limit for name, limit in shown["limits"].items() if limit is not None} == limits
    life = datetime.fromisoformat(shown["expires_at"]) - datetime.fromisoformat(shown["created_at"])
    assert life == timedelta(hours=1)
    assert datetime.fromisoformat(shown["created_at"]) >= before
    assert await opens(gateway, shown["key"])
    usage = await ask(gateway, "GET", "/v1/usage", credential=shown["key"])
    assert usage.status_code == 403, "the scopes do not narrow"


async def test_the_limits_of_a_key_hold(gateway: Gateway) -> None:
    """A limit that was set when the key was made refuses its requests, and nobody else's."""
    key = (await made(gateway, limits={"requestsPerMinute": 1}))["key"]
    path = "/v1/chat/completions"
    first, second = [await ask(gateway, "POST", path, chat(), credential=key) for _ in range(2)]
    assert (first.status_code, second.status_code) == (200, 429)
    assert (await ask(gateway, "POST", path, chat(), credential=fresh_token())).status_code == 200


async def test_keys_are_listed_without_what_opens(gateway: Gateway, tmp_path: Path) -> None:
    """Neither list nor description holds a key, its secret or its hash."""
    mine, theirs = await made(gateway), await made(gateway, tenant="globex")
    listed = await ask(gateway, "GET")
    assert [each["id"] for each in listed.json()["data"]] == [mine["id"], theirs["id"]]
    one = await ask(gateway, "GET", f"{KEYS}/{mine['id']}")
    assert one.json() == {name: value for name, value in mine.items() if name != "key"}
    stored = (tmp_path / "api_keys_file").read_text()
    digests = re.findall(r"[0-9a-f]{64}", stored)
    secrets = [each["key"].split("-", 2)[2] for each in (mine, theirs)]
    assert len(digests) == 2
    assert not any(word in listed.text + one.text for word in (*secrets, *digests))
    assert not any(secret in stored for secret in secrets)
    narrowed = await ask(gateway, "GET", tenant="globex")
    assert [each["id"] for each in narrowed.json()["data"]] == [theirs["id"]]


async def test_a_key_is_rotated(gateway: Gateway) -> None:
    """Rotation gives a new secret under the same id; the old one is good for a grace, which no grace ends for all."""
    old = await made(gateway, scopes=["routes:models"])
    rotated = await ask(gateway, "POST", f"{KEYS}/{old['id']}/rotate", {"grace_seconds": 3600, "ttl_seconds": 7200})
    new = rotated.json()
    assert (rotated.status_code, rotated.headers["cache-control"]) == (200, "no-store")
    assert (new["id"], new["scopes"]) == (old["id"], ["routes:models"])
    assert new["key"] != old["key"]
    assert new["grace_until"] < new["expires_at"]
    assert [await opens(gateway, shown["key"]) for shown in (old, new)] == [True, True]
    newest = (await ask(gateway, "POST", f"{KEYS}/{old['id']}/rotate", {"grace_seconds": 0})).json()
    assert [await opens(gateway, shown["key"]) for shown in (old, new, newest)] == [False, False, True]
    assert newest["grace_until"] is None


async def test_keys_are_listed_page_by_page(gateway: Gateway) -> None:
    """A page has as many keys as were asked for and says whether more come after the last of them."""
    ids = [(await made(gateway, tenant=tenant))["id"] for tenant in ("acme", "globex", "acme", "acme")]
    first = (await ask(gateway, "GET", tenant="acme", limit="2")).json()
    assert ([each["id"] for each in first["data"]], first["has_more"]) == ([ids[0], ids[2]], True)
    rest = (await ask(gateway, "GET", tenant="acme", limit="2", after=ids[2])).json()
    assert ([each["id"] for each in rest["data"]], rest["has_more"]) == ([ids[3]], False)
    assert [each["id"] for each in (await ask(gateway, "GET", after=ids[0])).json()["data"]] == ids[1:]
    refused = await ask(gateway, "GET", after="0123456789ab")
    assert (refused.status_code, refused.json()["error"]["code"]) == (404, "key_not_found")
    assert (await ask(gateway, "GET", limit="1001")).status_code == 400


async def test_a_keys_limits_are_changed(gateway: Gateway) -> None:
    """Limits that are given replace those of the key, and {} lifts them; it stays the same key."""
    shown = await made(gateway, limits={"requestsPerMinute": 1, "tokensPerDay": 1000})
    path, key = f"{KEYS}/{shown['id']}", shown.pop("key")
    limited = await ask(gateway, "PATCH", path, {"limits": {"requestsPerMinute": 3}})
    assert limited.status_code == 200
    assert limited.json() == {**shown, "limits": limited.json()["limits"]}
    assert {name for name, limit in limited.json()["limits"].items() if limit is not None} == {"requestsPerMinute"}
    chats = [(await ask(gateway, "POST", "/v1/chat/completions", chat(), credential=key)).status_code for _ in range(4)]
    assert chats == [200, 200, 200, 429]
    lifted = await ask(gateway, "PATCH", path, {"limits": {}})
    assert set(lifted.json()["limits"].values()) == {None}
    assert (await ask(gateway, "POST", "/v1/chat/completions", chat(), credential=key)).status_code == 200
    for wrong in ({}, {"limits": {"requestsPerMinute": 0}}, {"limits": {}, "name": "x"}):
        assert (await ask(gateway, "PATCH", path, wrong)).status_code == 400


async def test_rotation_needs_no_body(gateway: Gateway) -> None:
    """Without a word the old secret is good for a day, and the expiry stays."""
    old = await made(gateway)
    new = (await ask(gateway, "POST", f"{KEYS}/{old['id']}/rotate")).json()
    assert new["expires_at"] is None
    grace = datetime.fromisoformat(new["grace_until"]) - datetime.now(UTC)
    assert timedelta(hours=23) < grace <= timedelta(days=1)


async def test_a_key_is_revoked(gateway: Gateway) -> None:
    """A revoked key opens nothing from then on, nor does what it was before a rotation; it stays listed."""
    old = await made(gateway)
    new = (await ask(gateway, "POST", f"{KEYS}/{old['id']}/rotate")).json()
    revoked = await ask(gateway, "DELETE", f"{KEYS}/{old['id']}")
    assert (revoked.status_code, revoked.json()["state"]) == (200, "revoked")
    assert [await opens(gateway, shown["key"]) for shown in (old, new)] == [False, False]
    again = (await ask(gateway, "DELETE", f"{KEYS}/{old['id']}")).json()
    assert again == revoked.json()
    refused = await ask(gateway, "POST", f"{KEYS}/{old['id']}/rotate")
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "invalid_value")
    assert "make another" in refused.json()["error"]["message"]


@pytest.mark.parametrize(
    "method, path",
    [
        ("GET", ""),
        ("POST", ""),
        ("GET", "/0123456789ab"),
        ("DELETE", "/0123456789ab"),
        ("POST", "/0123456789ab/rotate"),
        ("PATCH", "/0123456789ab"),
    ],
)
async def test_only_admins_may(gateway: Gateway, method: str, path: str) -> None:
    """A tenant's token, a key and nobody at all are refused, before anything is read or written."""
    key = (await made(gateway))["key"]
    refused = [await ask(gateway, method, KEYS + path, credential=each) for each in (fresh_token(), key, "nobody")]
    assert [answer.status_code for answer in refused] == [403, 403, 401]
    assert "fairlead token --admin" in refused[0].json()["error"]["message"]
    assert len((await ask(gateway, "GET")).json()["data"]) == 1


async def test_a_key_is_never_an_admin(gateway: Gateway) -> None:
    """There is no scope that makes a key an admin's."""
    refused = await ask(gateway, "POST", body={"tenant": "acme", "scopes": ["admin"]})
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "scope")


@pytest.mark.parametrize(
    "field, value",
    [
        ("id", "0" * 12),
        ("digest", "0" * 64),
        ("created_at", "2020-01-01T00:00:00Z"),
        ("revoked_at", None),
        ("expires_at", "2999-01-01T00:00:00Z"),
        ("retired", []),
        ("is_admin", True),
        ("key", "fl-0123456789ab-" + "x" * 43),
    ],
)
async def test_nothing_else_can_be_assigned(gateway: Gateway, field: str, value: Any) -> None:
    """What the platform decides about a key cannot be sent along."""
    refused = await ask(gateway, "POST", body={"tenant": "acme", field: value})
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "unknown_field")
    assert refused.json()["error"]["param"] == field
    assert (await ask(gateway, "GET")).json()["data"] == []


@pytest.mark.parametrize(
    "body, code, param",
    [
        ("{", "invalid_json", None),
        ("[]", "invalid_value", "the document"),
        ({}, "invalid_value", "tenant"),
        ({"tenant": "nobody"}, "invalid_value", "tenant"),
        ({"tenant": "../x"}, "invalid_value", "tenant"),
        ({"tenant": "acme", "scopes": ["model:demo"]}, "invalid_value", "scope"),
        ({"tenant": "acme", "scopes": ["routes:nothing"]}, "invalid_value", "scope"),
        ({"tenant": "acme", "scopes": ["models:demo"] * 101}, "invalid_value", "scopes"),
        ({"tenant": "acme", "ttl_seconds": 0}, "invalid_value", "ttl_seconds"),
        ({"tenant": "acme", "ttl_seconds": 10**12}, "invalid_value", "ttl_seconds"),
        ({"tenant": "acme", "ttl_seconds": "90d"}, "invalid_value", "ttl_seconds"),
        ({"tenant": "acme", "name": "x" * 101}, "invalid_value", "name"),
        ({"tenant": "acme", "limits": {"requestsPerMinute": 0}}, "invalid_value", "limits.requestsPerMinute"),
        ({"tenant": "acme", "limits": {"requestPerMinute": 1}}, "unknown_field", "limits.requestPerMinute"),
        ({"tenant": "acme", "limits": {"costPerDay": "1"}}, "invalid_value", "limits.costPerDay"),
    ],
)
async def test_mistakes_are_told(gateway: Gateway, body: Any, code: str, param: str | None) -> None:
    """A wrong body is a 400 that names the field, and makes no key."""
    refused = await ask(gateway, "POST", body=body)
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, code), refused.text
    assert refused.json()["error"]["param"] == param
    assert (await ask(gateway, "GET")).json()["data"] == []


@pytest.mark.parametrize("method, path", [("GET", ""), ("DELETE", ""), ("POST", "/rotate")])
async def test_a_key_that_there_is_not(gateway: Gateway, method: str, path: str) -> None:
    """An id that no key has is a 404 that says where to look."""
    answer = await ask(gateway, method, f"{KEYS}/0123456789ab{path}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "key_not_found")
    assert "GET /v1/admin/keys" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "own, scopes, status",
    [
        ("admin routes:keys", [], 403),
        ("admin routes:keys", ["routes:chat"], 403),
        ("admin routes:keys", ["routes:keys"], 201),
        ("admin models:demo", ["models:demo"], 201),
        ("admin models:demo", ["models:demo", "models:other"], 403),
        ("admin models:demo", ["routes:chat"], 403),
        ("admin routes:chat", ["routes:chat"], 403),
    ],
)
async def test_nobody_makes_keys_above_their_own_rights(
    gateway: Gateway, own: str, scopes: list[str], status: int
) -> None:
    """An admin whose token is narrowed makes keys that are narrowed as much, and rotates or limits no others."""
    credential = admin_token(own)
    answer = await ask(gateway, "POST", body={"tenant": "globex", "scopes": scopes}, credential=credential)
    assert answer.status_code == status, answer.text
    theirs = await made(gateway, scopes=scopes)
    limited = await ask(gateway, "PATCH", f"{KEYS}/{theirs['id']}", {"limits": {}}, credential=credential)
    rotated = await ask(gateway, "POST", f"{KEYS}/{theirs['id']}/rotate", credential=credential)
    assert limited.status_code == rotated.status_code
    assert rotated.status_code == {201: 200}.get(status, status)
    assert await opens(gateway, theirs["key"]) is (scopes in ([], ["models:demo"], ["models:demo", "models:other"]))


async def test_keys_are_told_in_the_log_without_their_secrets(
    gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    """Each change leaves a line with who and which key, and no line of any kind holds a key or its secret."""
    caplog.set_level(logging.DEBUG)
    shown = await made(gateway, name="canary-name")
    rotated = (await ask(gateway, "POST", f"{KEYS}/{shown['id']}/rotate")).json()
    await ask(gateway, "DELETE", f"{KEYS}/{shown['id']}")
    lines = [line for line in caplog.records if line.name == "fairlead_gateway.key_desk"]
    assert [line.getMessage() for line in lines] == ["api key created", "api key rotated", "api key revoked"]
    told = {tuple(vars(line)[name] for name in ("key_id", "key_tenant", "by", "by_tenant")) for line in lines}
    assert told == {(shown["id"], "acme", "ann", "acme")}
    everything = " ".join(str(vars(line)) for line in caplog.records)
    assert not any(each["key"].split("-", 2)[2] in everything for each in (shown, rotated))


async def test_no_change_is_lost_beside_the_command_line(gateway: Gateway, tmp_path: Path) -> None:
    """The API and the command line may make and revoke keys at the same time, and every change stays."""
    register = KeyRegister(KeysInFile(tmp_path / "api_keys_file"), PEPPER)

    def by_hand() -> list[str]:
        ids = []
        for _ in range(10):
            _, record = register.create(KeyWanted(tenant="acme", limits=Limits()), now=datetime.now(UTC))
            register.revoke(record.id, now=datetime.now(UTC))
            ids.append(record.id)
        return ids

    revoked, *shown = await asyncio.gather(asyncio.to_thread(by_hand), *(made(gateway) for _ in range(10)))
    states = {each["id"]: each["state"] for each in (await ask(gateway, "GET")).json()["data"]}
    expected = dict.fromkeys(revoked, "revoked") | dict.fromkeys((each["id"] for each in shown), "active")
    assert states == expected
    assert len(states) == 20


async def test_other_gateways_follow(tmp_path: Path, valkey: Path, redis: Redis, upstream: Upstream) -> None:
    """A key that one gateway made or revoked is in force on another within seconds."""
    files = {"api_keys_file": tmp_path / "shared.json"}
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    async with (
        running_gateway(tmp_path / "one", valkey, upstream.port, **files) as one,
        running_gateway(tmp_path / "two", valkey, upstream.port, **files) as two,
    ):
        shown = await made(one)
        await _until(two, shown["key"], is_open=True)
        await ask(one, "DELETE", f"{KEYS}/{shown['id']}")
        await _until(two, shown["key"], is_open=False)


async def _until(gateway: Gateway, key: str, *, is_open: bool) -> None:
    async with asyncio.timeout(5):
        while await opens(gateway, key) is not is_open:
            pass


async def test_a_file_that_cannot_be_written(gateway: Gateway, tmp_path: Path) -> None:
    """Where the keys' file is broken or may not be written, changes are refused, and keys go on working."""
    shown = await made(gateway)
    (tmp_path / "api_keys_file").write_text("{")
    answers = [
        await ask(gateway, "POST", body={"tenant": "acme"}),
        await ask(gateway, "GET"),
        await ask(gateway, "DELETE", f"{KEYS}/{shown['id']}"),
    ]
    assert {(answer.status_code, answer.json()["error"]["code"]) for answer in answers} == {(503, "keys_unavailable")}
    assert {answer.headers["x-should-retry"] for answer in answers} == {"false"}
    assert await opens(gateway, shown["key"])
