"""Identity at a whole gateway: identity providers, grants, scopes and keys, over real sockets and changing files."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from fairlead_contract.api_keys import KeyFile, KeyRecord, mint
from tests.gateway.builders import PEPPER
from tests.gateway.support.gateway import TENANTS, Gateway, chat, fresh_token, running_gateway
from tests.gateway.support.idp import ISSUER, Idp, hang_up, idp_token, never, running_idp
from tests.gateway.support.upstream import Upstream
from tests.gateway.support.wire import Answer

CHAT_PATH = "/v1/chat/completions"
REVOKED_WITHIN_S = 5.0


class Installation:
    """A gateway with an identity provider, and the files that its operator edits."""

    def __init__(self, folder: Path, gateway: Gateway, idp: Idp) -> None:
        self.folder = folder
        self.gateway = gateway
        self.idp = idp

    async def ask(self, credential: str, path: str = CHAT_PATH, document: dict[str, Any] | None = None) -> Answer:
        async with self.gateway.wire() as wire:
            await wire.post(path, json.dumps(document or chat()).encode(), token=credential)
            return await wire.answer()

    async def status(self, credential: str) -> int:
        return (await self.ask(credential)).status

    def token(self, kid: str = "one", **claims: Any) -> str:
        return idp_token(kid, now=time.time(), **claims)

    def keys(self, *records: KeyRecord) -> None:
        self._write("api_keys_file", KeyFile(keys=records).model_dump_json())

    def tenants(self, text: str) -> None:
        self._write("tenants_file", text)

    def issuers(self, **fields: Any) -> None:
        self._write("issuers_file", issuers_file(self.idp, **fields))

    def _write(self, name: str, content: str) -> None:
        draft = self.folder / f"{name}.draft"
        draft.write_text(content)
        draft.replace(self.folder / name)


def issuers_file(idp: Idp, **fields: Any) -> str:
    declared = {
        "issuer": ISSUER,
        "audience": "fairlead",
        "algorithm": "RS256",
        "keys": {"url": idp.url},
        "tenant": {"claim": "tenant"},
        **fields,
    }
    return json.dumps({"issuers": {"idp": declared}})


@pytest.fixture
async def installation(tmp_path: Path, valkey: Path, redis: Redis, upstream: Upstream) -> AsyncIterator[Installation]:
    async with running_idp() as idp:
        path = tmp_path / "issuers_file"
        path.write_text(issuers_file(idp))
        async with running_gateway(tmp_path, valkey, upstream.port, issuers_file=path) as gateway:
            yield Installation(tmp_path, gateway, idp)


async def until(condition: Callable[[], Awaitable[bool]], *, within_s: float = REVOKED_WITHIN_S) -> None:
    """Ask again until a changed file is in force."""
    async with asyncio.timeout(within_s):
        while not await condition():  # noqa: ASYNC110 - the gateway tells nobody that it has read a file
            await asyncio.sleep(0.05)


async def test_an_identity_providers_token_is_taken(installation: Installation, upstream: Upstream) -> None:
    """A token is good from the first request on, though its key is fetched only then; and it goes no further."""
    credential = installation.token()
    assert await installation.status(credential) == 200
    assert await installation.status(credential) == 200
    assert installation.idp.asked == 1
    assert credential not in str(upstream.seen[0].headers)
    assert await installation.status(fresh_token()) == 200


@pytest.mark.parametrize("script", [never, hang_up], ids=["slow", "dead"])
async def test_known_keys_need_no_identity_provider(
    installation: Installation, script: Callable[[asyncio.StreamWriter], Awaitable[None]]
) -> None:
    """With its keys known, an identity provider may be slow or dead: nobody waits, nobody gets a false 401."""
    assert await installation.status(installation.token()) == 200
    installation.idp.script = script
    flood = [asyncio.create_task(installation.status(installation.token("two", sub=f"x{n}"))) for n in range(20)]
    for number in range(20):
        assert await installation.status(installation.token(sub=f"s{number}")) == 200
    assert set(await asyncio.gather(*flood)) <= {401, 503}
    assert installation.idp.asked <= 2


async def test_an_issuer_that_never_answered_is_a_503_within_its_bound(installation: Installation) -> None:
    """Without any key a token cannot be judged: the client is told to come back, and others are not held up."""
    installation.idp.script = never
    installation.idp.content = b""
    began = time.monotonic()
    answer = await installation.ask(installation.token())
    assert time.monotonic() - began < 4
    assert (answer.status, answer.json["error"]["code"]) == (503, "identity_provider_unavailable")
    assert int(answer.headers["retry-after"]) >= 1
    assert await installation.status(fresh_token()) == 200


async def test_issuers_come_and_go_with_their_file(installation: Installation) -> None:
    """The issuers file is obeyed as it is saved; one with a mistake changes nothing."""
    credential = installation.token()
    assert await installation.status(credential) == 200
    (installation.folder / "issuers_file").write_text("issuers: {idp: {}}")

    async def told() -> bool:
        return b'reloads_total{file="issuers_file",result="failed"} 1' in installation.gateway.runtime.metrics.render()

    await until(told)
    assert await installation.status(credential) == 200
    installation.issuers(audience="other")

    async def refused() -> bool:
        return await installation.status(credential) == 401

    await until(refused)
    assert await installation.status(installation.token(aud="other")) == 200


async def test_grants_say_what_a_tenant_may_use(installation: Installation, upstream: Upstream) -> None:
    """A model that is not granted does not exist, a route that is not granted is refused with a sentence."""
    credential = fresh_token()
    installation.tenants(TENANTS.replace("acme: {plan: default}", "acme: {plan: default, grants: {models: [other]}}"))

    async def unknown_model() -> bool:
        return await installation.status(credential) == 404

    await until(unknown_model)
    before = len(upstream.seen)
    hidden = await installation.ask(credential)
    assert hidden.json["error"]["code"] == "model_not_found"
    assert hidden.json["error"]["message"].startswith(
        "The model `demo` does not exist or you do not have access to it."
    )
    installation.tenants(
        TENANTS.replace("acme: {plan: default}", "acme: {plan: default, grants: {routes: [tokenize]}}")
    )

    async def forbidden() -> bool:
        return await installation.status(credential) == 403

    await until(forbidden)
    answer = await installation.ask(credential)
    assert answer.json["error"]["code"] == "permission_denied"
    assert "routes:chat" in answer.json["error"]["message"]
    assert len(upstream.seen) == before
    assert (await installation.ask(credential, "/tokenize", {"model": "demo", "prompt": "Hi"})).status == 200
    assert await installation.status(fresh_token("globex")) == 200


async def test_scopes_narrow_and_never_widen(installation: Installation) -> None:
    """A token's scopes take away from what its tenant has; what the tenant has not, no scope gives."""
    assert await installation.status(installation.token(scope="openid")) == 200
    assert await installation.status(installation.token(scope="models:demo routes:chat")) == 200
    assert await installation.status(installation.token(scope="models:other")) == 404
    assert await installation.status(installation.token(scope="routes:tokenize")) == 403
    installation.tenants(
        TENANTS.replace("acme: {plan: default}", "acme: {plan: default, grants: {routes: [tokenize]}}")
    )

    async def forbidden() -> bool:
        return await installation.status(installation.token(scope="routes:chat")) == 403

    await until(forbidden)


async def test_the_life_of_a_key(installation: Installation) -> None:
    """A key works, is rotated with a time of grace, narrowed by scopes, and refused within 5 s of its revocation."""
    now = datetime.now(UTC)
    key, record = mint(PEPPER, "acme", now=now)
    scoped, narrow = mint(PEPPER, "acme", now=now, scopes=("routes:tokenize",))
    installation.keys(record, narrow)

    async def taken() -> bool:
        return await installation.status(key) == 200

    await until(taken)
    assert await installation.status(scoped) == 403
    renewed, rotated = record.rotated(PEPPER, now=now, grace=timedelta(hours=1))
    installation.keys(rotated)

    async def both() -> bool:
        return (await installation.status(renewed), await installation.status(key)) == (200, 200)

    await until(both)
    assert await installation.status(scoped) == 401
    installation.keys(*KeyFile(keys=(rotated,)).with_revoked(record.id, datetime.now(UTC)).keys)

    async def neither() -> bool:
        return (await installation.status(renewed), await installation.status(key)) == (401, 401)

    await until(neither, within_s=REVOKED_WITHIN_S)
