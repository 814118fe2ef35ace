"""vLLM's real application behind the door."""

from importlib import import_module
from types import ModuleType
from typing import Any

import pytest

from fairlead_contract.modeldeployment import Task
from fairlead_contract.names import HOP_HEADER
from fairlead_contract.replica import ReplicaSpec
from fairlead_contract.surface import ENGINE_PATHS
from fairlead_serving.access import allowed_routes, guarded

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
        return vllm_engine.build_app(arguments, ("generate", "transcription", "embed", "classify"), None)


async def reached(method: str, path: str, task: Task) -> bool:
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
    await guarded(inside, SECRET, lambda: None, task)(scope, None, send)  # type: ignore[arg-type]  # nothing is received
    return bool(seen)


@pytest.mark.parametrize("task", ENGINE_PATHS)
async def test_only_the_routes_of_the_task_are_reachable(application: Any, task: Task) -> None:
    """Of all routes of vLLM's application, exactly those of the model's task get through the door."""
    offered = routes(application)
    open_routes = {route for route in offered if await reached(*route, task)}
    assert open_routes == offered & allowed_routes(task)


async def test_vllm_offers_the_routes_of_every_task(application: Any) -> None:
    """Each route that a task promises exists in vLLM, by that name."""
    offered = {path for _, path in routes(application)}
    for kind in ("embed", "scoring"):  # which vLLM adds for a loaded model only
        offered |= {path for _, path in routes(import_module(f"vllm.entrypoints.pooling.{kind}.api_router").router)}
    missing = {path for paths in ENGINE_PATHS.values() for path in paths} - offered
    assert missing == set()


async def test_vllms_administration_is_offered_and_closed(application: Any) -> None:
    """The administrative routes exist in vLLM's application, and none of them is reachable."""
    offered = routes(application) & ADMINISTRATION
    assert {"/invocations", "/scale_elastic_ep", "/sleep", "/collective_rpc"} <= {path for _, path in offered}
    for method, path in offered:
        for task in ENGINE_PATHS:
            assert not await reached(method, path, task)
