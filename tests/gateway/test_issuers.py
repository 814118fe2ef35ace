"""Tokens of other issuers: who is believed, how, for which tenant; and what a change of the file does.

Who is not believed is in `lets_no_one_in/test_tokens.py`.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fairlead_contract.errors import IdentityUnavailable, ManifestError, Unauthenticated
from fairlead_contract.grants import Grants
from fairlead_contract.issuers import NO_ISSUERS, Issuers
from fairlead_gateway.auth import Authenticator
from fairlead_gateway.issuers import IssuerDirectory, local_issuer, read_issuers, source_opener
from fairlead_gateway.jwt_tokens import KeyMissing, TokenVerifier
from fairlead_gateway.key_ring import KeyRing
from fairlead_gateway.token_claims import TokenRules
from fairlead_gateway.token_form import InvalidToken
from fairlead_gateway.watch import WatchedFile
from tests.gateway.builders import KEY, NOW, PEPPER, bearer, fixed, tenant_directory, token
from tests.gateway.support.idp import ISSUER, hang_up, idp_token, jwk, jwks, running_idp


class World:
    """A directory of issuers over real files."""

    def __init__(self, folder: Path) -> None:
        self.keys = folder / "keys.json"
        self.keys.write_bytes(jwks())
        self.path = folder / "issuers.json"
        self.file: WatchedFile[Issuers] = WatchedFile(
            self.path, lambda content: read_issuers(content, local="fairlead"), absent=NO_ISSUERS
        )
        self.directory = IssuerDirectory(local_issuer(KEY, TokenRules()), lambda: self.file.value, source_opener())
        self.verifier = TokenVerifier(self.directory)
        self.declare()

    def declare(self, **fields: Any) -> None:
        self.write(
            idp={
                "issuer": ISSUER,
                "audience": "fairlead",
                "algorithm": "RS256",
                "keys": {"file": str(self.keys)},
                "tenant": {"claim": "tenant"},
                **fields,
            }
        )

    def write(self, **issuers: dict[str, Any]) -> None:
        self.path.write_text(json.dumps({"issuers": issuers}))
        self.file.poll()
        assert self.file.problem is None, self.file.problem

    def authenticator(self) -> Authenticator:
        return Authenticator(self.verifier, KeyRing(fixed({}), PEPPER), tenant_directory(), clock=lambda: NOW)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_a_token_of_each_algorithm_is_verified(world: World, algorithm: str) -> None:
    """An issuer signs with the one algorithm that its declaration names."""
    world.keys.write_bytes(jwks(jwk("one", algorithm)))
    world.declare(algorithm=algorithm)
    claims = world.verifier.verify(idp_token("one", algorithm), now=NOW)
    assert (claims.tenant, claims.subject, claims.scopes) == ("acme", "ann", None)


def test_our_own_tokens_stay_good_beside_others(world: World) -> None:
    """Declaring an identity provider takes nothing from `fairlead token`."""
    assert world.verifier.verify(token(), now=NOW).tenant == "acme"


def test_a_token_that_names_no_key_needs_the_only_one(world: World) -> None:
    """Of several keys none is tried: the token must say which."""
    nameless = idp_token("one", named=False)
    assert world.verifier.verify(nameless, now=NOW).tenant == "acme"
    world.keys.write_bytes(jwks(jwk("one"), jwk("two")))
    world.directory.tick()
    with pytest.raises(KeyMissing):
        world.verifier.verify(nameless, now=NOW)


GIVEN: dict[str, tuple[dict[str, Any], dict[str, Any], str | None]] = {
    "one name for all": ({"name": "globex"}, {}, "globex"),
    "a group that is mapped": (
        {"claim": "groups", "values": {"ml": "acme"}},
        {"groups": ["all", "ml"]},
        "acme",
    ),
    "two groups of one tenant": (
        {"claim": "groups", "values": {"ml": "acme", "web": "acme"}},
        {"groups": ["ml", "web"]},
        "acme",
    ),
    "two groups of two tenants": (
        {"claim": "groups", "values": {"ml": "acme", "web": "globex"}},
        {"groups": ["ml", "web"]},
        None,
    ),
    "a group that is not mapped": ({"claim": "groups", "values": {"ml": "acme"}}, {"groups": ["x"]}, None),
    "no groups": ({"claim": "groups", "values": {"ml": "acme"}}, {}, None),
    "a tenant that is not mapped": ({"claim": "tenant", "values": {"other": "acme"}}, {}, None),
    "a claim inside others": (
        {"claim": ["resource_access", "fairlead", "tenant"]},
        {"resource_access": {"fairlead": {"tenant": "globex"}}},
        "globex",
    ),
    "a name with dots and slashes": (
        {"claim": "https://fairlead.example/tenant"},
        {"https://fairlead.example/tenant": "globex"},
        "globex",
    ),
    "a path that leads nowhere": ({"claim": ["tenant", "name"]}, {}, None),
}


@pytest.mark.parametrize("rule, claims, tenant", GIVEN.values(), ids=GIVEN.keys())
def test_a_claim_gives_the_tenant(
    world: World, rule: dict[str, Any], claims: dict[str, Any], tenant: str | None
) -> None:
    """Exactly one tenant comes out of a token, by the issuer's rule, or the token is refused."""
    world.declare(tenant=rule)
    if tenant is None:
        with pytest.raises(InvalidToken, match="tenant"):
            world.verifier.verify(idp_token(**claims), now=NOW)
    else:
        assert world.verifier.verify(idp_token(**claims), now=NOW).tenant == tenant


@pytest.mark.parametrize("audience", ["fairlead", ["fairlead"], ["account", "fairlead"]])
def test_one_of_several_audiences_may_be_ours(world: World, audience: object) -> None:
    """Keycloak and Auth0 name others besides."""
    assert world.verifier.verify(idp_token(aud=audience), now=NOW).tenant == "acme"


SCOPES: dict[str, tuple[object, Grants | None]] = {
    "none": (None, None),
    "foreign ones": ("openid profile", None),
    "a model": ("openid models:demo", Grants(models=frozenset({"demo"}))),
    "a list": (["models:demo", "routes:chat"], Grants(models=frozenset({"demo"}), routes=frozenset({"chat"}))),
    "something that does not exist": ("routes:nonsense", Grants(routes=frozenset({"nonsense"}))),
    "an empty name": ("models:", Grants(models=frozenset({""}))),
}


@pytest.mark.parametrize("scopes, narrowed", SCOPES.values(), ids=SCOPES.keys())
def test_scopes_narrow(world: World, scopes: object, narrowed: Grants | None) -> None:
    """Scopes of ours narrow, those of others say nothing, and misspelt ones open nothing."""
    given: dict[str, Any] = {} if scopes is None else {"scp": scopes}
    world.declare(scopes={"claim": "scp"})
    assert world.verifier.verify(idp_token(**given), now=NOW).scopes == narrowed


def test_an_issuer_may_have_to_give_scopes(world: World) -> None:
    """Where scopes are required, a token without one of ours is refused."""
    world.declare(scopes={"required": True})
    assert world.verifier.verify(idp_token(scope="models:demo"), now=NOW).tenant == "acme"
    for said in ("", "openid", "model:demo"):
        with pytest.raises(InvalidToken, match="scope"):
            world.verifier.verify(idp_token(scope=said), now=NOW)


async def test_a_remembered_token_is_refused_once_its_key_is_withdrawn(world: World) -> None:
    """Memory of a token ends with the key that proved it."""
    authenticator = world.authenticator()
    await authenticator.authenticate(bearer(idp_token()))
    world.keys.write_bytes(jwks(jwk("two"), jwk("three")))
    world.directory.tick()
    with pytest.raises(Unauthenticated):
        await authenticator.authenticate(bearer(idp_token()))


CHANGES: dict[str, Callable[[World], None]] = {
    "the issuer is removed": lambda world: world.write(),
    "the audience changes": lambda world: world.declare(audience="other"),
    "the algorithm changes": lambda world: world.declare(algorithm="ES256"),
    "the mapping changes": lambda world: world.declare(tenant={"claim": "groups", "values": {"ml": "acme"}}),
    "scopes become required": lambda world: world.declare(scopes={"required": True}),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
async def test_a_remembered_token_is_refused_once_its_issuers_rules_refuse_it(
    world: World, change: Callable[[World], None]
) -> None:
    """A changed file is obeyed on the next request, for tokens that were seen before too."""
    authenticator = world.authenticator()
    await authenticator.authenticate(bearer(idp_token()))
    change(world)
    world.directory.tick()
    with pytest.raises((Unauthenticated, IdentityUnavailable)):
        await authenticator.authenticate(bearer(idp_token()))
    assert (await authenticator.authenticate(bearer(token()))).tenant == "acme"


async def test_another_mapping_gives_another_tenant(world: World) -> None:
    """Nobody stays in a tenant that the file no longer gives."""
    authenticator = world.authenticator()
    assert (await authenticator.authenticate(bearer(idp_token()))).tenant == "acme"
    world.declare(tenant={"name": "globex"})
    assert (await authenticator.authenticate(bearer(idp_token()))).tenant == "globex"


def test_a_change_that_takes_nothing_away_forgets_nothing(world: World) -> None:
    """One more key and one more issuer keep all that was verified."""
    before = world.verifier.version
    world.keys.write_bytes(jwks(jwk("one"), jwk("two")))
    declared = json.loads(world.path.read_text())["issuers"]["idp"]
    world.write(idp=declared, other={**declared, "issuer": "https://other.example"})
    world.directory.tick()
    assert world.verifier.version == before
    assert world.verifier.verify(idp_token("two", iss="https://other.example"), now=NOW).tenant == "acme"


async def test_changed_rules_keep_fetched_keys(world: World) -> None:
    """Keys that are here are not fetched again because something else in the file changed."""
    async with running_idp() as idp:
        world.declare(keys={"url": idp.url})
        authenticator = world.authenticator()
        await authenticator.authenticate(bearer(idp_token()))
        idp.script = hang_up
        world.declare(keys={"url": idp.url}, leewaySeconds=31)
        assert (await authenticator.authenticate(bearer(idp_token()))).tenant == "acme"
        assert idp.asked == 1
        world.directory.close()


async def test_an_unknown_key_of_a_dead_issuer_is_a_503_and_of_a_living_one_a_401(world: World) -> None:
    """Whether a token is bad can be told only where its issuer's keys can be had."""
    async with running_idp() as idp:
        idp.script = hang_up
        world.declare(keys={"url": idp.url})
        with pytest.raises(IdentityUnavailable) as refused:
            await world.authenticator().authenticate(bearer(idp_token()))
        assert refused.value.retry_after_s
        world.write()
        world.directory.tick()
        idp.script = None
        world.declare(keys={"url": idp.url})
        assert (await world.authenticator().authenticate(bearer(idp_token()))).tenant == "acme"
        with pytest.raises(Unauthenticated):
            await world.authenticator().authenticate(bearer(idp_token("two")))
        world.directory.close()


def test_nobody_else_may_be_our_own_issuer() -> None:
    """A declaration cannot replace the key under which our own tokens are signed."""
    content = {
        "issuer": "fairlead",
        "audience": "x",
        "algorithm": "RS256",
        "keys": {"file": "/k"},
        "tenant": {"name": "a"},
    }
    with pytest.raises(ManifestError, match=r"issuers\.evil\.issuer: 'fairlead' is this gateway's own issuer; write"):
        read_issuers(json.dumps({"issuers": {"evil": content}}).encode(), local="fairlead")
