"""The replica's door."""

import json
from typing import Any

import pytest

from fairlead_contract.errors import EngineDied
from fairlead_contract.modeldeployment import Task
from fairlead_contract.names import HOP_HEADER
from fairlead_contract.surface import ENGINE_PATHS
from fairlead_serving.access import allowed_routes, guarded

SECRET = "5" * 64


class Inside:
    """An application that says what reached it."""

    def __init__(self) -> None:
        self.scopes: list[dict[str, Any]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.scopes.append(scope)
        await send({"type": "http.response.start", "status": 299, "headers": []})
        await send({"type": "http.response.body", "body": b""})


def well() -> None:
    return


def died() -> None:
    raise EngineDied("the engine's process died")


async def knock(
    path: str,
    *,
    method: str = "POST",
    secrets: tuple[str, ...] = (SECRET,),
    kind: str = "http",
    root_path: str = "",
    check: Any = well,
    task: Task = "generate",
) -> tuple[int, dict[str, Any], Inside]:
    inside, sent = Inside(), []

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(HOP_HEADER.encode(), secret.encode()) for secret in secrets]
    scope = {"type": kind, "method": method, "path": path, "root_path": root_path, "headers": headers}
    await guarded(inside, SECRET, check, task)(scope, None, send)  # type: ignore[arg-type]  # nothing is received
    if sent[0]["type"] == "websocket.close":
        return sent[0]["code"], {}, inside
    body = sent[-1]["body"]
    return sent[0]["status"], json.loads(body)["error"] if body else {}, inside


@pytest.mark.parametrize("task", ENGINE_PATHS)
async def test_a_tasks_routes_are_open_to_the_gateway(task: Task) -> None:
    """Every route of the model's task is reached by a request that carries the secret."""
    for method, path in allowed_routes(task):
        status, _, inside = await knock(path, method=method, task=task)
        assert (status, len(inside.scopes)) == (299, 1)


@pytest.mark.parametrize("task", ENGINE_PATHS)
async def test_other_tasks_routes_do_not_exist(task: Task) -> None:
    """A route that vLLM offers of the model besides, but which is another task's, gets 404."""
    others = {path for paths in ENGINE_PATHS.values() for path in paths} - ENGINE_PATHS[task]
    for path in others:
        status, error, inside = await knock(path, task=task)
        assert (status, error["code"], inside.scopes) == (404, "unknown_url", [])


async def test_a_request_below_the_route_prefix_is_judged_without_it() -> None:
    """The application's prefix in front of a path changes nothing."""
    status, _, _ = await knock("/demo/v1/chat/completions", root_path="/demo")
    assert status == 299
    status, _, _ = await knock("/demo/metrics", method="GET", root_path="/demo")
    assert status == 404


async def test_a_request_without_the_secret_is_refused() -> None:
    """Without the secret, a request gets 401 and reaches nothing."""
    status, error, inside = await knock("/v1/chat/completions", secrets=())
    assert (status, error["code"], inside.scopes) == (401, "invalid_api_key", [])


@pytest.mark.parametrize("secrets", [("6" * 64,), ("",), (SECRET, SECRET), (SECRET + "5",)])
async def test_a_request_with_a_wrong_secret_is_refused(secrets: tuple[str, ...]) -> None:
    """A wrong secret, or more than one, gets 403 and reaches nothing."""
    status, error, inside = await knock("/v1/chat/completions", secrets=secrets)
    assert (status, error["code"], inside.scopes) == (403, "permission_denied", [])


async def test_the_secret_goes_no_further_than_the_door() -> None:
    """The application behind the door does not see the secret."""
    _, _, inside = await knock("/v1/chat/completions")
    assert inside.scopes[0]["headers"] == []


@pytest.mark.parametrize(
    "method,path",
    [
        ("GET", "/v1/chat/completions"),
        ("POST", "/v1/chat/completions/"),
        ("POST", "/v1//chat/completions"),
        ("POST", "/V1/chat/completions"),
        ("POST", "/v1/models"),
        ("GET", "/metrics"),
        ("POST", "/invocations"),
        ("POST", "/v1/chat/completions/../../../invocations"),
    ],
)
async def test_any_other_route_does_not_exist(method: str, path: str) -> None:
    """A route that is not listed, spelt in whatever way, gets 404 and reaches nothing."""
    status, error, inside = await knock(path, method=method)
    assert (status, error["code"], inside.scopes) == (404, "unknown_url", [])


async def test_websockets_are_closed() -> None:
    """A websocket is closed before it opens, with the secret and without."""
    for secrets in ((SECRET,), ()):
        code, _, inside = await knock("/v1/realtime", kind="websocket", secrets=secrets)
        assert (code, inside.scopes) == (1008, [])


async def test_a_dead_engine_is_told_at_the_door() -> None:
    """Once the engine is dead, a request gets that as its answer and is not handed on."""
    status, error, inside = await knock("/v1/chat/completions", check=died)
    assert (status, error["code"], inside.scopes) == (502, "engine_died", [])


async def test_start_and_stop_of_the_application_pass_the_door() -> None:
    """The lifespan of vLLM's application runs through the door."""
    inside = Inside()

    async def send(message: Any) -> None:
        return

    await guarded(inside, SECRET, died, "generate")({"type": "lifespan"}, None, send)  # type: ignore[arg-type]
    assert inside.scopes == [{"type": "lifespan"}]
