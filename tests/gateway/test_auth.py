from datetime import UTC, datetime

import pytest
from typing_extensions import override

from fairlead_contract.api_keys import mint
from fairlead_contract.errors import Unauthenticated
from fairlead_contract.grants import DeclaredGrants, Grants
from fairlead_contract.tenants import Limits, Tenant, Tenants
from fairlead_gateway.auth import REFUSAL, Authenticator
from fairlead_gateway.jwt_tokens import TokenVerifier
from fairlead_gateway.key_ring import KeyRing
from fairlead_gateway.principal import Principal
from fairlead_gateway.tenants import TenantDirectory
from fairlead_gateway.token_claims import Claims
from tests.gateway.builders import NOW, PEPPER, authenticator, bearer, fixed, own_issuer, tenant_directory, token

ALL = DeclaredGrants()
API_KEY, RECORD = mint(PEPPER, "acme", now=datetime.fromtimestamp(NOW, UTC), name="ci")


async def test_a_token_gives_a_principal_with_the_tenants_plan() -> None:
    """The plan is the one declared now, not one that a token claims."""
    assert await authenticator().authenticate(bearer(token(plan="gold"))) == Principal(
        "acme", "default", "ann", grants=(ALL,)
    )


async def test_an_api_key_gives_a_principal_with_its_id() -> None:
    """A key names its tenant, its purpose and itself."""
    keys = {RECORD.id: RECORD}
    expected = Principal("acme", "default", "ci", RECORD.id, grants=(ALL,))
    assert await authenticator(keys=keys).authenticate(bearer(API_KEY)) == expected


async def test_a_keys_scopes_stand_beside_its_tenants_grants() -> None:
    """Both must allow what is used, so scopes never widen."""
    key, record = mint(PEPPER, "acme", now=datetime.fromtimestamp(NOW, UTC), scopes=("models:demo", "routes:chat"))
    granted = DeclaredGrants(routes=frozenset({"chat", "models"}))
    tenants = tenant_directory(acme=Tenant(plan="default", grants=granted))
    caller = await authenticator(keys={record.id: record}, tenants=tenants).authenticate(bearer(key))
    assert caller.grants == (granted, Grants(models=frozenset({"demo"}), routes=frozenset({"chat"})))
    assert [caller.may_use_model(name) for name in ("demo", "other")] == [True, False]
    assert [caller.may_use_route(name) for name in ("chat", "models", "tokenize")] == [True, False, False]


@pytest.mark.parametrize("credential", [token(), API_KEY], ids=["token", "key"])
async def test_anthropic_clients_send_either_credential_as_x_api_key(credential: str) -> None:
    """`x-api-key` takes what a bearer header takes."""
    headers = [(b"x-api-key", credential.encode())]
    assert (await authenticator(keys={RECORD.id: RECORD}).authenticate(headers)).tenant == "acme"


async def test_the_same_credential_in_both_headers_is_one_credential() -> None:
    """A client that fills both headers alike is not ambiguous."""
    headers = [*bearer(token()), (b"x-api-key", token().encode())]
    assert (await authenticator().authenticate(headers)).tenant == "acme"


async def test_the_scheme_is_compared_without_regard_to_case() -> None:
    """HTTP's authentication schemes know no case (RFC 9110, section 11.1)."""
    assert (await authenticator().authenticate([(b"authorization", b"bearer " + token().encode())])).tenant == "acme"


REFUSED = {
    "nothing": [],
    "an empty bearer": bearer(""),
    "basic authentication": [(b"authorization", b"Basic YTpi")],
    "a bare token": [(b"authorization", token().encode())],
    "two authorization headers": [*bearer(token()), *bearer(token())],
    "two x-api-key headers": [(b"x-api-key", API_KEY.encode())] * 2,
    "a token and another key": [*bearer(token()), (b"x-api-key", API_KEY.encode())],
    "a cookie": [(b"cookie", b"authorization=Bearer " + token().encode())],
    "a forwarded identity": [(b"x-forwarded-user", b"ann"), (b"x-tenant", b"acme")],
    "an expired token": bearer(token(exp=int(NOW) - 60)),
    "an unknown key": bearer("fl-" + "0" * 12 + "-" + "A" * 43),
    "a disabled tenant": bearer(token(tenant="closed")),
    "an undeclared tenant": bearer(token(tenant="nobody")),
    "bytes that are not ASCII": [(b"authorization", b"Bearer \xff\xfe")],
    "a megabyte": bearer("A" * 1_000_000),
}


@pytest.mark.parametrize("headers", REFUSED.values(), ids=REFUSED.keys())
async def test_every_refusal_reads_the_same(headers: list[tuple[bytes, bytes]]) -> None:
    """Nobody learns from a refusal which part of a guess was right."""
    with pytest.raises(Unauthenticated) as raised:
        await authenticator(keys={RECORD.id: RECORD}).authenticate(headers)
    assert raised.value.message == REFUSAL
    assert "fairlead token" in REFUSAL


@pytest.mark.parametrize("query", [b"api_key=x", b"a=1&access_token=x", b"KEY=x", b"token="])
async def test_credentials_in_the_address_are_refused_even_beside_valid_ones(query: bytes) -> None:
    """What ends up in logs is not taken as a credential."""
    with pytest.raises(Unauthenticated, match="addresses end up in logs"):
        await authenticator().authenticate(bearer(token()), query)


async def test_a_query_without_credentials_is_let_through() -> None:
    """Anthropic's SDK adds `?beta=true`."""
    assert (await authenticator().authenticate(bearer(token()), b"beta=true")).tenant == "acme"


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


class CountingVerifier(TokenVerifier):
    """Counts how often signatures are checked."""

    verified = 0

    @override
    def verify(self, token: str, *, now: float) -> Claims:
        self.verified += 1
        return super().verify(token, now=now)


def counting(clock: Clock, *, max_remembered: int = 10) -> tuple[Authenticator, CountingVerifier]:
    verifier = CountingVerifier(own_issuer())
    keys = KeyRing(fixed({}), PEPPER)
    made = Authenticator(verifier, keys, tenant_directory(), clock=clock, max_remembered=max_remembered)
    return made, verifier


async def test_a_token_is_verified_once_and_then_remembered_until_it_expires() -> None:
    """A remembered token costs no signature check, and expires all the same."""
    clock = Clock()
    authenticate, verifier = counting(clock)
    for _ in range(3):
        await authenticate.authenticate(bearer(token()))
    assert verifier.verified == 1
    clock.now += 3600 + 31
    with pytest.raises(Unauthenticated):
        await authenticate.authenticate(bearer(token()))


async def test_tokens_that_begin_alike_are_not_taken_for_each_other() -> None:
    """Memory is keyed by the whole token (CVE-2026-35030 was keyed by its first 20 characters)."""
    authenticate, _ = counting(Clock())
    tenants = [
        (await authenticate.authenticate(bearer(token(tenant=name)))).tenant for name in ("acme", "globex", "acme")
    ]
    assert tenants == ["acme", "globex", "acme"]


async def test_no_more_tokens_are_remembered_than_allowed() -> None:
    """The least recently used token is verified anew."""
    authenticate, verifier = counting(Clock(), max_remembered=2)
    for subject in ("a", "b", "a", "c", "a", "b"):
        await authenticate.authenticate(bearer(token(sub=subject)))
    assert verifier.verified == 4


async def test_disabling_a_tenant_locks_out_its_remembered_tokens() -> None:
    """Whether a tenant is active is asked on every request."""
    file = fixed(Tenants(plans={"default": Limits()}, tenants={"acme": Tenant(plan="default")}))
    authenticate = authenticator(tenants=TenantDirectory(file))
    await authenticate.authenticate(bearer(token()))
    file.value = Tenants(plans={"default": Limits()}, tenants={"acme": Tenant(plan="default", disabled=True)})
    with pytest.raises(Unauthenticated):
        await authenticate.authenticate(bearer(token()))


async def test_no_credential_reaches_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """A refused token is told by its reason alone."""
    caplog.set_level("DEBUG")
    refused = token(exp=int(NOW) - 60)
    with pytest.raises(Unauthenticated):
        await authenticator().authenticate(bearer(refused))
    assert "expired" in caplog.text
    assert refused.split(".")[1] not in caplog.text
