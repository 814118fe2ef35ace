"""A gateway with two tenants' belongings, and whoever knocks at it."""

import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from fairlead_contract.api_keys import KeyFile, mint
from fairlead_contract.routing import RouteTable
from tests.gateway.builders import PEPPER, only_for, route, token
from tests.gateway.support.gateway import Gateway, chat, running_gateway
from tests.gateway.support.idp import ISSUER, jwk, jwks
from tests.gateway.support.upstream import Upstream, running_upstream
from tests.gateway.support.wire import Answer

CHAT = "POST /v1/chat/completions"
NOW = int(time.time())
TENANTS = """
plans: {default: {}}
tenants:
  acme: {plan: default}
  globex: {plan: default}
  narrow: {plan: default, grants: {models: [demo], routes: [tokenize]}}
  closed: {plan: default, disabled: true}
"""
"""`globex` has a model of its own, `theirs`."""


def ours(**claims: Any) -> str:
    """Return a token as `fairlead token` makes it, or nearly so."""
    return token(**{"iat": NOW - 10, "exp": NOW + 3600, **claims})


@dataclass(frozen=True)
class House:
    """A running gateway, what lies behind it and the keys to it."""

    gateway: Gateway
    upstream: Upstream
    keys: Mapping[str, str]

    async def knock(
        self,
        *headers: str,
        credential: str = "",
        asked: str = CHAT,
        body: Mapping[str, Any] | None = None,
        host: str = "Host: localhost",
    ) -> Answer:
        """Send a request: a chat, unless something else is asked."""
        content = json.dumps(chat() if body is None else body).encode() if asked.startswith("POST") else b""
        lines = [
            f"{asked} HTTP/1.1",
            host,
            "Content-Type: application/json",
            f"Content-Length: {len(content)}",
            *([f"Authorization: Bearer {credential}"] if credential else []),
            *headers,
        ]
        async with self.gateway.wire() as wire:
            await wire.send("\r\n".join([*lines, "", ""]).encode() + content)
            if not asked.startswith("HEAD"):
                return await wire.answer()
            status, told = await wire.head()
            return Answer(status, told, b"")


@asynccontextmanager
async def opened_house(folder: Path, valkey: Path) -> AsyncIterator[House]:
    """Run it."""
    keys, records = _keys()
    async with running_upstream() as upstream:
        table = RouteTable(
            routes=(
                route("demo", upstream_port=upstream.port),
                route("theirs", aliases=("their-alias",), upstream_port=upstream.port, access=only_for("globex")),
            )
        )
        issuer = {
            "issuer": ISSUER,
            "audience": "fairlead",
            "algorithm": "RS256",
            "keys": {"file": str(folder / "jwks")},
            "tenant": {"claim": "tenant"},
        }
        contents = {
            "routes": table.to_json(),
            "tenants": TENANTS,
            "keys": records.model_dump_json(),
            "issuers": json.dumps({"issuers": {"idp": issuer}}),
            "jwks": jwks(jwk()).decode(),
        }
        for name, content in contents.items():
            (folder / name).write_text(content)
        settings = {
            "routes_file": folder / "routes",
            "tenants_file": folder / "tenants",
            "api_keys_file": folder / "keys",
            "issuers_file": folder / "issuers",
        }
        async with running_gateway(folder, valkey, upstream.port, **settings) as gateway:
            yield House(gateway, upstream, keys)


def _keys() -> tuple[dict[str, str], KeyFile]:
    """Return API keys by what is the matter with them, and the file that the gateway reads."""
    now = datetime.now(UTC)
    good, good_record = mint(PEPPER, "acme", now=now)
    revoked, revoked_record = mint(PEPPER, "acme", now=now)
    expired, expired_record = mint(PEPPER, "acme", now=now, expires_at=now - timedelta(seconds=1))
    closed, closed_record = mint(PEPPER, "closed", now=now)
    nobodys, nobodys_record = mint(PEPPER, "nobody", now=now)
    elsewhere, elsewhere_record = mint(b"q" * 32, "acme", now=now)
    scoped, scoped_record = mint(PEPPER, "acme", now=now, scopes=("models:demo", "routes:tokenize"))
    unknown, _ = mint(PEPPER, "acme", now=now)
    rotated, rotated_record = mint(PEPPER, "acme", now=now - timedelta(hours=2))
    _, rotated_record = rotated_record.rotated(PEPPER, now=now - timedelta(hours=1), grace=timedelta(minutes=1))
    file = KeyFile(
        keys=(
            good_record,
            revoked_record.model_copy(update={"revoked_at": now}),
            expired_record,
            closed_record,
            nobodys_record,
            elsewhere_record,
            scoped_record,
            rotated_record,
        )
    )
    return {
        "good": good,
        "revoked": revoked,
        "expired": expired,
        "closed": closed,
        "nobodys": nobodys,
        "elsewhere": elsewhere,
        "scoped": scoped,
        "unknown": unknown,
        "rotated": rotated,
    }, file
