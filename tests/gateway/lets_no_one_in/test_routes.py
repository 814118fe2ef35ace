"""Ways around the routes: names, paths and methods that two parsers could read differently."""

import pytest
from fastapi.routing import APIRoute

from fairlead_gateway.app import PUBLIC_PATHS
from fairlead_gateway.endpoints import ENDPOINTS
from tests.gateway.lets_no_one_in.house import CHAT, House, ours
from tests.gateway.test_app import app

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOSTS = {
    "a user before the name": "Host: api@localhost",
    "a path behind the name": "Host: localhost/v1/models",
    "two names": "Host: localhost, evil.example",
    "a query behind the name": "Host: localhost?x=/health",
    "a fragment behind the name": "Host: localhost#/health",
    "a space": "Host: local host",
    "no name": "Host: ",
    "a second Host": "Host: localhost\r\nHost: evil.example",
    "none": "X: y",
}

PATHS = {
    "an encoded slash": "/v1/chat%2fcompletions",
    "an encoded letter": "/v1/%63hat/completions",
    "an encoded dot": "/v1/%2e/chat/completions",
    "encoded twice": "/v1/chat%252fcompletions",
    "two slashes": "//v1/chat/completions",
    "two slashes within": "/v1//chat/completions",
    "a slash at the end": "/v1/chat/completions/",
    "a dot": "/v1/./chat/completions",
    "two dots": "/v1/models/../chat/completions",
    "two dots from a public path": "/health/../v1/chat/completions",
    "two encoded dots from a public path": "/health/%2e%2e/v1/chat/completions",
    "an encoded slash from a public path": "/health%2f..%2fv1%2fmodels",
    "capitals": "/V1/Chat/Completions",
    "a parameter": "/v1/chat/completions;jsessionid=1",
    "a suffix": "/v1/chat/completions.json",
    "a NUL": "/v1/chat/completions%00",
    "a NUL before a public path": "/v1/models%00/health",
    "a line break": "/v1/models%0d%0aX:%20y",
    "a space at the end": "/v1/models%20",
    "a backslash": "/v1%5cmodels",
    "an overlong encoding": "/v1%c0%afmodels",
    "an encoded version": "/%76%31/models",
    "a model's path behind the gateway": "/demo/v1/chat/completions",
    "a model's health behind the gateway": "/demo/health",
    "the whole use, with a slash": "/v1/usage/",
}

INSIDE = [
    *("/metrics", "/docs", "/redoc", "/openapi.json", "/admin", "/debug", "/status", "/.env", "/.git/config", "/"),
    # What vLLM and Ray Serve have behind the gateway.
    *("/invocations", "/ping", "/version", "/server_info", "/load", "/scale_elastic_ep", "/is_scaling_elastic_ep"),
    *("/reset_prefix_cache", "/sleep", "/wake_up", "/collective_rpc", "/update_weights", "/start_profile"),
    *("/v1/load_lora_adapter", "/v1/unload_lora_adapter", "/inference/v1/generate", "/generative_scoring"),
    *("/-/routes", "/-/healthz", "/api/jobs/", "/api/serve/applications/", "/api/version", "/nodes"),
]

METHODS = {
    "another method by a header": ("GET /v1/chat/completions", "X-HTTP-Method-Override: POST", 405),
    "another method by another header": ("GET /v1/chat/completions", "X-Method-Override: POST", 405),
    "another method by the address": ("GET /v1/chat/completions?_method=POST", "X: y", 405),
    "another path by a header": ("GET /health", "X-Original-URL: /v1/models", 200),
    "another path by another header": ("GET /health", "X-Rewrite-URL: /v1/models", 200),
    "a prefix by a header": ("GET /models", "X-Forwarded-Prefix: /v1", 404),
    "HEAD of what needs credentials": ("HEAD /v1/models", "X: y", 405),
    "HEAD of a model": ("HEAD /v1/chat/completions", "X: y", 405),
    "OPTIONS of what needs credentials": ("OPTIONS /v1/models", "Origin: https://evil.example", 405),
    "OPTIONS of a model": ("OPTIONS /v1/chat/completions", "Access-Control-Request-Method: POST", 405),
    "PUT of a model": ("PUT /v1/chat/completions", "X: y", 405),
    "DELETE of a model": ("DELETE /v1/models/x", "X: y", 405),
    "TRACE": ("TRACE /v1/models", "X: y", 405),
    "CONNECT": ("CONNECT localhost:443", "X: y", 400),
    "a method nobody knows": ("DEBUG /v1/models", "X: y", 405),
    "a method in lower case": ("get /v1/models", "X: y", 400),
    "a WebSocket": ("GET /v1/models", "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13", 401),
}


@pytest.mark.parametrize("host", HOSTS.values(), ids=HOSTS.keys())
async def test_no_host_leads_elsewhere(house: House, host: str) -> None:
    """A Host that is not exactly one name is refused, whoever sends it."""
    for asked in (CHAT, "GET /v1/models"):
        assert (await house.knock(credential=ours(), host=host, asked=asked)).status == 400
    assert house.upstream.seen == []


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS.keys())
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_no_path_leads_around(house: House, path: str, method: str) -> None:
    """However a path is written, it needs credentials or does not exist."""
    answer = await house.knock(asked=f"{method} {path}")
    assert answer.status in (401, 404, 405)
    assert house.upstream.seen == []


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS.keys())
async def test_no_path_leads_to_a_model(house: House, path: str) -> None:
    """An inference has one path; with credentials too, no other spelling of it reaches a model."""
    assert (await house.knock(asked=f"POST {path}", credential=ours())).status in (404, 405)
    assert house.upstream.seen == []


@pytest.mark.parametrize("path", INSIDE)
async def test_the_inside_is_not_outside(house: House, path: str) -> None:
    """Documentation, metrics and the engine's own routes are not there, with credentials or without."""
    for method in ("GET", "POST"):
        for credential in ("", ours()):
            assert (await house.knock(asked=f"{method} {path}", credential=credential)).status == 404
    assert house.upstream.seen == []


@pytest.mark.parametrize("asked, header, status", METHODS.values(), ids=METHODS.keys())
async def test_no_method_leads_around(house: House, asked: str, header: str, status: int) -> None:
    """Method and path are those of the request line, and a stranger gets nothing by others."""
    answer = await house.knock(header, asked=asked)
    assert answer.status == status
    assert b"demo" not in answer.body
    assert "access-control-allow-origin" not in answer.headers
    assert house.upstream.seen == []


async def test_every_route_asks_who_comes(house: House) -> None:
    """There is no route that lets a stranger in but health and readiness."""
    routes = [route for route in app().routes if isinstance(route, APIRoute)]
    asked = [f"POST {path}" for path in ENDPOINTS]
    asked += [
        f"{method} {route.path_format.format_map(_Anything())}"
        for route in routes
        for method in route.methods
        if route.path not in PUBLIC_PATHS
    ]
    assert len(asked) >= 10
    for line in asked:
        assert (await house.knock(asked=line)).status == 401, line
    assert house.upstream.seen == []


class _Anything(dict[str, str]):
    """Something for every parameter of a path."""

    def __missing__(self, name: str) -> str:
        return "x"
