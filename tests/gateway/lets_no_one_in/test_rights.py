"""Callers who are known and reach for what is not theirs."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.gateway.lets_no_one_in.house import CHAT, NOW, House, ours
from tests.gateway.support.gateway import chat
from tests.gateway.support.idp import idp_token

pytestmark = pytest.mark.asyncio(loop_scope="module")


def acme(_house: House) -> str:
    return ours()


def narrow(_house: House) -> str:
    return ours(tenant="narrow")


def scoped(scope: object) -> Callable[[House], str]:
    return lambda _house: ours(scope=scope)


def pretender(**claims: Any) -> Callable[[House], str]:
    """Return somebody whose identity provider says more than it may."""
    return lambda _house: idp_token(now=NOW, **claims)


@dataclass(frozen=True)
class Reach:
    """Who asks for what, and how it ends."""

    who: Callable[[House], str]
    status: int
    asked: str = CHAT
    body: dict[str, Any] = field(default_factory=chat)
    headers: tuple[str, ...] = ()


REACHES = {
    # Models
    "a model of another tenant": Reach(acme, 404, body=chat(model="theirs")),
    "a model of another tenant, by its alias": Reach(acme, 404, body=chat(model="their-alias")),
    "a model of another tenant, in capitals": Reach(acme, 404, body=chat(model="THEIRS")),
    "a model of another tenant, with a space": Reach(acme, 404, body=chat(model="theirs ")),
    "a model of another tenant, by its path": Reach(acme, 404, body=chat(model="../theirs")),
    "a model of another tenant, described": Reach(acme, 404, "GET /v1/models/theirs"),
    "a model of another tenant, described by its alias": Reach(acme, 404, "GET /v1/models/their-alias"),
    "a model that the token's scopes leave out": Reach(scoped("models:theirs"), 404),
    "a model that a scope names and the tenant has not": Reach(scoped("models:theirs"), 404, body=chat(model="theirs")),
    "two models at once": Reach(acme, 400, body=chat(model=["demo", "theirs"])),
    "a second model in the body": Reach(acme, 400, body=chat(models=["theirs"])),
    # Routes
    "a route that the tenant has not": Reach(narrow, 403),
    "a route that the tenant has not, of the gateway's own": Reach(narrow, 403, "GET /v1/models"),
    "a route that the token's scopes leave out": Reach(scoped("routes:tokenize"), 403),
    "a route that a key's scopes leave out": Reach(lambda house: house.keys["scoped"], 403),
    "a route under a misspelt scope": Reach(scoped("routes:Chat"), 403),
    "a route under a scope for everything": Reach(scoped("routes:*"), 403),
    # Other tenants' use
    "another tenant's use": Reach(acme, 403, "GET /v1/usage?tenant=globex"),
    "everybody's use": Reach(acme, 403, "GET /v1/usage?tenant=*"),
    "another tenant's use, asked twice": Reach(acme, 400, "GET /v1/usage?tenant=acme&tenant=globex"),
    "another tenant's use, in capitals": Reach(acme, 400, "GET /v1/usage?TENANT=globex"),
    "everybody's use, with an inference key": Reach(lambda house: house.keys["good"], 403, "GET /v1/usage?tenant=*"),
    "another tenant's request": Reach(acme, 404, "GET /v1/requests/theirs?tenant=globex"),
    # Rights that somebody gives to himself
    "an admin by a foreign issuer's scope": Reach(pretender(scope="admin"), 403, "GET /v1/usage?tenant=*"),
    "an admin by a claim": Reach(lambda _: ours(is_admin=True, admin=True), 403, "GET /v1/usage?tenant=*"),
    "an admin by a role": Reach(lambda _: ours(role="admin", roles=["admin"]), 403, "GET /v1/usage?tenant=*"),
    "an admin in capitals": Reach(scoped("Admin"), 403, "GET /v1/usage?tenant=*"),
    "an admin by half a word": Reach(scoped("administrator"), 403, "GET /v1/usage?tenant=*"),
    "a tenant that is not declared": Reach(pretender(tenant="root"), 401),
    "a tenant that is disabled": Reach(pretender(tenant="closed"), 401),
    "a tenant with a path": Reach(pretender(tenant="acme/../globex"), 401),
    # Words of somebody who pretends to be a proxy or a part of the platform
    "another tenant by a header": Reach(
        acme, 404, body=chat(model="theirs"), headers=("X-Tenant: globex", "X-Fairlead-Tenant: globex")
    ),
    "another person by a header": Reach(
        acme, 404, body=chat(model="theirs"), headers=("X-Forwarded-User: globex", "X-Remote-User: globex")
    ),
    "nobody, by a header": Reach(lambda _: "", 401, headers=("X-Forwarded-User: ann", "X-Tenant: acme")),
    "nobody, from this machine": Reach(
        lambda _: "", 401, headers=("X-Forwarded-For: 127.0.0.1", "Forwarded: for=127.0.0.1", "X-Real-Ip: 127.0.0.1")
    ),
    "nobody, by the hop's secret": Reach(lambda _: "", 401, headers=("X-Fairlead-Hop: " + "h" * 64,)),
    "nobody, by a certificate that a proxy saw": Reach(lambda _: "", 401, headers=("X-Client-Cert: CN=admin",)),
    # Fields that are not the client's
    "another tenant by a field": Reach(acme, 400, body=chat(tenant="globex")),
    "a principal by a field": Reach(acme, 400, body=chat(principal={"tenant": "globex", "is_admin": True})),
    "a key by a field": Reach(acme, 400, body=chat(api_key="fl-000000000000-x")),
    "an address by a field": Reach(acme, 400, body=chat(api_base="http://169.254.169.254")),
    "a place in front of others": Reach(acme, 400, body=chat(priority=-1)),
    "another's memory between engines": Reach(acme, 400, body=chat(kv_transfer_params={"remote_host": "x"})),
    "another's stored conversation": Reach(
        acme, 400, "POST /v1/responses", {"model": "demo", "input": "x", "previous_response_id": "resp_1"}
    ),
    # Keys: nobody mints by the API what he has not
    "a key for another tenant": Reach(acme, 404, "POST /v1/keys", {"tenant": "globex"}),
    "a token for another tenant": Reach(acme, 404, "POST /v1/tokens", {"tenant": "globex"}),
}


@pytest.mark.parametrize("reach", REACHES.values(), ids=REACHES.keys())
async def test_nobody_gets(house: House, reach: Reach) -> None:
    """Who reaches for what is not granted is refused, and no model hears of it."""
    answer = await house.knock(*reach.headers, credential=reach.who(house), asked=reach.asked, body=reach.body)
    assert answer.status == reach.status
    assert len(answer.json["error"]["message"]) > 20
    assert house.upstream.seen == []


async def test_a_model_of_another_tenant_is_not_listed(house: House) -> None:
    """Nobody learns that it exists: the list has it not, and its 404 is that of a name nobody has."""
    listed = await house.knock(credential=ours(), asked="GET /v1/models")
    assert [model["id"] for model in listed.json["data"]] == ["demo"]
    told = []
    for name in ("theirs", "absent"):
        answer = await house.knock(credential=ours(), body=chat(model=name))
        told.append(answer.json["error"]["message"].replace(name, ""))
    assert told[0] == told[1]


async def test_the_hop_gets_our_secret_and_not_a_clients(house: House) -> None:
    """Headers of the inside that a client sends go no further, nor does its credential."""
    answer = await house.knock("X-Fairlead-Hop: mine", "Cookie: a=b", credential=ours())
    assert answer.status == 200
    [seen] = house.upstream.seen
    assert seen.headers["x-fairlead-hop"] != "mine"
    assert "cookie" not in seen.headers
    assert ours() not in str(seen)


async def test_an_answer_from_the_cache_is_its_tenants(house: House) -> None:
    """The same question of another tenant asks the model."""
    question = chat(temperature=0, user="the cache of rights")

    async def found(tenant: str) -> str:
        return (await house.knock(credential=ours(tenant=tenant), body=question)).headers["x-fairlead-cache"]

    assert await found("acme") == "miss"
    async with asyncio.timeout(10):
        while await found("acme") != "hit":
            pass  # an answer is kept after its client has it
    asked = len(house.upstream.seen)
    assert await found("globex") == "miss"
    assert len(house.upstream.seen) == asked + 1


async def test_tenants_do_not_share_an_engines_memory(house: House) -> None:
    """The salt of the prefix cache is the gateway's, one for each tenant, whatever a client says."""
    for who in ("acme", "globex"):
        assert (await house.knock(credential=ours(tenant=who), body=chat(cache_salt="ours"))).status == 200
    salts = [seen.json["cache_salt"] for seen in house.upstream.seen]
    assert len({*salts, "ours"}) == 3
