"""vLLM's real application behind the door."""

from types import ModuleType
from typing import Any

import pytest

from fairlead_contract.names import HOP_HEADER
from fairlead_contract.replica import ReplicaSpec
from fairlead_serving.access import ALLOWED_ROUTES, guarded

SECRET = "5" * 64
ADMINISTRATION = {
    ("POST", "/invocations"),
    ("POST", "/scale_elastic_ep"),
    ("POST", "/is_scaling_elastic_ep"),
    ("POST", "/sleep"),
    ("POST", "/wake_up"),
    ("POST", "/collective_rpc"),
    ("POST", "/reset_prefix_cache"),
    ("POST", "/update_weights"),
    ("GET", "/server_info"),
}


def routes(application: Any) -> set[tuple[str, str]]:
    """All routes of an application, as method and path."""
    found = set()
    for route in application.routes:
        for method in getattr(route, "methods", None) or {"GET"}:
            found.add((method, getattr(route, "path", "")))
    return found


@pytest.fixture(scope="module")
def application(vllm_engine: ModuleType) -> Any:
    """The application of vLLM with every route that it has, its development mode included."""
    spec = ReplicaSpec(name="m", served_name="m", source="file:///m")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VLLM_SERVER_DEV_MODE", "1")
        arguments = vllm_engine.parse_arguments(spec, "/model")
        return vllm_engine.build_app(arguments, ("generate", "transcription", "embed", "score"), None)


async def reached(method: str, path: str) -> bool:
    """Tell whether a request for a route gets through the door."""
    seen: list[str] = []

    async def inside(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["path"])

    async def send(message: Any) -> None:
        return

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "root_path": "",
        "headers": [(HOP_HEADER.encode(), SECRET.encode())],
    }
    await guarded(inside, SECRET, lambda: None)(scope, None, send)  # type: ignore[arg-type]  # nothing is received
    return bool(seen)


async def test_only_the_allowed_routes_of_vllm_are_reachable(application: Any) -> None:
    """Of all routes of vLLM's application, exactly the listed ones get through the door."""
    offered = routes(application)
    open_routes = {route for route in offered if await reached(*route)}
    assert open_routes == offered & ALLOWED_ROUTES
    assert {path for _, path in open_routes} >= {
        "/v1/chat/completions",
        "/v1/completions",
        "/v1/responses",
        "/v1/messages",
        "/v1/models",
        "/tokenize",
    }


async def test_vllms_administration_is_offered_and_closed(application: Any) -> None:
    """The administrative routes exist in vLLM's application, and none of them is reachable."""
    offered = routes(application) & ADMINISTRATION
    assert {"/invocations", "/scale_elastic_ep", "/sleep", "/collective_rpc"} <= {path for _, path in offered}
    for method, path in offered:
        assert not await reached(method, path)


async def test_the_door_and_the_list_agree() -> None:
    """A route is reachable if and only if it is listed, also where vLLM has no such route today."""
    for method, path in ALLOWED_ROUTES | ADMINISTRATION:
        assert await reached(method, path) == ((method, path) in ALLOWED_ROUTES)
