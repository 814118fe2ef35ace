"""Ray Serve's REST interface, before a small server that records what it is asked."""

import json
from typing import Any

import pytest

from fairlead_cli.errors import RayUnreachable, ServeRefused
from fairlead_cli.serve_api import ServeApi
from tests.cli.conftest import answering


def test_put() -> None:
    """A PUT carries all applications, the token, and a listener on loopback."""
    asked: list[tuple[str, str, dict[str, str], Any]] = []

    def answer(method: str, path: str, headers: dict[str, str], body: Any) -> tuple[int, str]:
        asked.append((method, path, headers, body))
        return 200, ""

    with answering(answer) as dashboard:
        ServeApi(dashboard, "secret").put([{"name": "a"}, {"name": "b"}], port=8000)
    ((method, path, headers, body),) = asked
    assert (method, path, headers["authorization"]) == ("PUT", "/api/serve/applications/", "Bearer secret")
    assert body["http_options"] == {"host": "127.0.0.1", "port": 8000}
    assert [application["name"] for application in body["applications"]] == ["a", "b"]


def test_status() -> None:
    """The details come back as Serve gives them."""
    with answering(lambda *_: (200, json.dumps({"applications": {}}))) as dashboard:
        assert ServeApi(dashboard, "secret").status() == {"applications": {}}


@pytest.mark.parametrize("status, error", [(400, ServeRefused), (401, ServeRefused), (503, RayUnreachable)])
def test_refusals(status: int, error: type[Exception]) -> None:
    """A refusal is told in one line, and apart from a dashboard that is not well."""
    with answering(lambda *_: (status, "no\nsuch   field")) as dashboard, pytest.raises(error, match="no such field"):
        ServeApi(dashboard, "secret").status()


def test_nobody_there() -> None:
    """A dashboard that does not answer is told as such."""
    with pytest.raises(RayUnreachable, match="does not answer"):
        ServeApi("http://127.0.0.1:1", "secret").status()
