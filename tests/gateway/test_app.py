"""The FastAPI application: what it lists, whom it lets in, and how it refuses."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import Depends, FastAPI
from fastapi.routing import APIRoute

from fairlead_contract.grants import ROUTES, DeclaredGrants
from fairlead_contract.routing import Route
from fairlead_contract.tenants import Tenant
from fairlead_gateway.api.services import Granted
from fairlead_gateway.app import PUBLIC_PATHS, create_app, rule_of, unguarded
from fairlead_gateway.auth import REFUSAL, Authenticator
from fairlead_gateway.catalog import Catalog
from fairlead_gateway.endpoints import ENDPOINTS
from fairlead_gateway.key_desk import KeyDesk
from fairlead_gateway.ledger.reader import LedgerReader
from tests.gateway.builders import (
    authenticator,
    catalog,
    key_desk,
    lost_redis,
    only_for,
    route,
    tenant_directory,
    token,
)


@dataclass
class Running:
    """A gateway as far as its application is concerned."""

    catalog: Catalog
    authenticator: Authenticator = field(default_factory=authenticator)
    ledger: LedgerReader = field(default_factory=lambda: LedgerReader(lost_redis(), entry_days=7))
    keys: KeyDesk = field(default_factory=lambda: key_desk(Path("/nonexistent")))
    knows: bool = True
    stopping: bool = False

    def loaded(self) -> bool:
        return self.knows

    def draining(self) -> bool:
        return self.stopping


def app(*routes: Route) -> FastAPI:
    return create_app(Running(catalog(*routes)))


async def ask(application: FastAPI, path: str, *, method: str = "GET", **headers: str) -> httpx2.Response:
    transport = httpx2.ASGITransport(app=application, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://gateway") as client:
        return await client.request(
            method, path, headers={name.replace("_", "-"): value for name, value in headers.items()}
        )


async def listed(application: FastAPI, path: str = "/v1/models", tenant: str = "acme", **headers: str) -> Any:
    answer = await ask(application, path, authorization=f"Bearer {token(tenant=tenant)}", **headers)
    assert answer.status_code == 200
    return answer.json()


async def test_models_are_listed_under_all_their_names() -> None:
    """A client finds every name that it may send."""
    shown = await listed(app(route("demo", served_name="org/Demo", aliases=("small",))))
    assert shown["object"] == "list"
    assert shown["data"] == [
        {"id": name, "object": "model", "created": 1_700_000_000, "owned_by": "fairlead", "task": "generate"}
        for name in ("org/Demo", "small")
    ]


async def test_models_of_others_are_not_listed() -> None:
    """A tenant sees what it may use."""
    application = app(route("a"), route("b", access=only_for("globex")))
    assert [model["id"] for model in (await listed(application))["data"]] == ["a"]
    assert [model["id"] for model in (await listed(application, tenant="globex"))["data"]] == ["a", "b"]


async def test_anthropic_clients_get_their_form() -> None:
    """Anthropic's SDK names its version in a header."""
    shown = await listed(app(route("demo")), anthropic_version="2023-06-01")
    model = {"type": "model", "id": "demo", "display_name": "demo", "created_at": "2023-11-14T22:13:20Z"}
    assert shown == {"data": [model], "has_more": False, "first_id": "demo", "last_id": "demo"}
    assert await listed(app(route("demo")), "/v1/models/demo", anthropic_version="2023-06-01") == model
    assert (await listed(app(), anthropic_version="2023-06-01"))["first_id"] is None


async def test_a_model_whose_name_has_a_slash_is_described() -> None:
    """Hugging Face names have one."""
    assert (await listed(app(route("demo", served_name="org/Demo")), "/v1/models/org/Demo"))["id"] == "org/Demo"


async def test_an_unknown_model_is_a_404_in_either_envelope() -> None:
    """Both vendors' clients can read that a model does not exist."""
    credentials = {"authorization": f"Bearer {token()}"}
    openai = await ask(app(), "/v1/models/x", **credentials)
    anthropic = await ask(app(), "/v1/models/x", anthropic_version="1", **credentials)
    assert (openai.status_code, openai.json()["error"]["code"]) == (404, "model_not_found")
    assert (anthropic.status_code, anthropic.json()["error"]["type"]) == (404, "not_found_error")


@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/demo"])
async def test_without_credentials_nothing_is_listed(path: str) -> None:
    """401 in the envelope, with what to do."""
    answer = await ask(app(route("demo")), path)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.json()["error"] == {
        "message": REFUSAL,
        "type": "invalid_request_error",
        "param": None,
        "code": "invalid_api_key",
    }


async def test_credentials_in_the_address_are_refused() -> None:
    """Even a valid token does not belong into an address."""
    answer = await ask(app(), f"/v1/models?api_key={token()}", authorization=f"Bearer {token()}")
    assert answer.status_code == 401


def test_every_route_has_a_rule() -> None:
    """Deny by default: a route is public by name or granted by name, and every name that can be granted is a route."""
    application = app()
    assert set(unguarded(application.routes)) == set()
    found = [each for each in application.routes if isinstance(each, APIRoute)]
    rules = {each.path: rule.route if (rule := rule_of(each.dependant)) else None for each in found}
    assert {path for path, rule in rules.items() if rule is None} == PUBLIC_PATHS
    assert {rule for rule in rules.values() if rule} | {each.kind for each in ENDPOINTS.values()} == ROUTES


async def test_a_route_that_is_not_granted_is_a_403() -> None:
    """A tenant to whom `models` is not granted cannot list them, and reads what to ask for."""
    tenants = tenant_directory(acme=Tenant(plan="default", grants=DeclaredGrants(routes=frozenset({"chat"}))))
    application = create_app(Running(catalog(route("demo")), authenticator(tenants=tenants)))
    for path in ("/v1/models", "/v1/models/demo"):
        answer = await ask(application, path, authorization=f"Bearer {token()}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "permission_denied")
        assert "routes: [models]" in answer.json()["error"]["message"]


async def test_models_that_are_not_granted_are_not_there() -> None:
    """A model that is not granted is neither listed nor told apart from one that does not exist."""
    tenants = tenant_directory(acme=Tenant(plan="default", grants=DeclaredGrants(models=frozenset({"a"}))))
    application = create_app(Running(catalog(route("a", aliases=("x",)), route("b")), authenticator(tenants=tenants)))
    assert [model["id"] for model in (await listed(application))["data"]] == ["a", "x"]
    there = await ask(application, "/v1/models/b", authorization=f"Bearer {token()}")
    nowhere = await ask(application, "/v1/models/c", authorization=f"Bearer {token()}")
    assert there.status_code == 404
    assert there.text.replace("`b`", "`c`") == nowhere.text


def test_a_route_that_nobody_guards_is_found() -> None:
    """The enumeration sees what it is there to see."""
    application = app()
    application.add_api_route("/v1/secrets", lambda: None)
    application.add_api_route("/v1/admin/x", lambda: None, dependencies=[Depends(Granted("keys"))])
    application.mount("/static", FastAPI())
    assert list(unguarded(application.routes)) == ["/v1/secrets", "/v1/admin/x", "/static"]


@pytest.mark.parametrize(
    "path", ["/docs", "/redoc", "/openapi.json", "/metrics", "/v1", "/", "/v1/models/", "/V1/MODELS", "/admin"]
)
async def test_what_is_not_there_is_a_404_in_the_envelope(path: str) -> None:
    """No documentation, no metrics and no trailing slashes for strangers."""
    answer = await ask(app(route("demo")), path)
    assert answer.status_code in {401, 404}
    assert answer.json()["error"]["code"] in {"unknown_url", "invalid_api_key"}


async def test_an_unknown_path_of_anthropics_api_is_told_in_its_envelope() -> None:
    """A client of `/v1/messages/batches` can read that it is not offered."""
    answer = await ask(app(), "/v1/messages/batches")
    assert (answer.status_code, answer.json()["error"]["type"]) == (404, "not_found_error")


@pytest.mark.parametrize(
    "path, method, allowed",
    [
        ("/health", "DELETE", "GET"),
        ("/v1/models", "POST", "GET"),
        ("/v1/chat/completions", "GET", "POST"),
        ("/v1/messages", "PUT", "POST"),
    ],
)
async def test_a_wrong_method_is_told_with_the_right_one(path: str, method: str, allowed: str) -> None:
    """405 with Allow, also on inference routes, which this application does not answer."""
    answer = await ask(app(), path, method=method)
    assert answer.status_code == 405
    assert answer.headers["allow"] == allowed
    assert f"Use {allowed}." in answer.text


async def test_health_answers_and_readiness_follows_routes_and_drain() -> None:
    """Traffic comes once routes are known and until the gateway stops."""
    running = Running(catalog(), knows=False)
    application = create_app(running)
    states = [await ask(application, "/ready")]
    running.knows = True
    states.append(await ask(application, "/ready"))
    running.stopping = True
    states.append(await ask(application, "/ready"))
    assert [(state.status_code, state.json()["status"]) for state in states] == [
        (503, "starting"),
        (200, "ready"),
        (503, "draining"),
    ]
    assert (await ask(application, "/health")).json() == {"status": "ok"}


async def test_an_unexpected_error_says_nothing_of_its_cause(caplog: pytest.LogCaptureFixture) -> None:
    """A bug is a 500 in the envelope; its cause stays in the log."""
    application = app()
    application.add_api_route("/health2", broken)
    answer = await ask(application, "/health2")
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "internal_error")
    assert "secret" not in answer.text
    assert "unexpected error on /health2" in caplog.text


async def broken() -> None:
    raise RuntimeError("secret")
