"""Clients in JavaScript work against the platform unchanged: OpenAI's, the AI SDK, and a scanner of compatibility."""

from typing import Any

import pytest

from tests.support import node
from tests.support.platform import DEMO_MODEL, Platform

pytestmark = [pytest.mark.platform, pytest.mark.long, pytest.mark.timeout(600)]


SCRIPTS = ["openai_client.mjs", "ai_sdk.mjs"]


@pytest.fixture(scope="module")
def environment(platform: Platform) -> dict[str, str]:
    """What these clients are told, as their users tell it."""
    node.install()
    return {"OPENAI_BASE_URL": f"{platform.url}/v1", "OPENAI_API_KEY": platform.token, "OPENAI_MODEL": DEMO_MODEL}


@pytest.mark.parametrize("script", SCRIPTS)
def test_chat(environment: dict[str, str], script: str) -> None:
    """A chat answer carries text, a reason for its end and the usage."""
    seen = node.tell(script, "chat", environment=environment)
    assert seen["text"]
    assert seen["finish"] in {"stop", "length"}
    assert 0 < output_tokens(seen["usage"]) <= 20


@pytest.mark.parametrize("script", SCRIPTS)
def test_streamed_chat(environment: dict[str, str], script: str) -> None:
    """A streamed chat arrives in pieces, with the usage at its end."""
    seen = node.tell(script, "stream", environment=environment)
    assert seen["text"]
    assert seen["chunks"] > 1
    assert 0 < output_tokens(seen["usage"]) <= 20


@pytest.mark.parametrize("script", SCRIPTS)
def test_tool(environment: dict[str, str], script: str) -> None:
    """A tool that is asked for is called with arguments of its schema."""
    seen = node.tell(script, "tool", environment=environment)
    assert seen["name"] == "weather"
    assert list(seen["arguments"]) == ["city"]
    assert len(seen["arguments"]["city"]) <= 8


@pytest.mark.parametrize("script", SCRIPTS)
def test_errors(environment: dict[str, str], script: str) -> None:
    """An unknown model and a wrong key are errors of the client's own classes, in our words."""
    seen = node.tell(script, "errors", environment=environment)
    assert seen["unknownModel"]["status"] == 404
    assert "no-such-model" in seen["unknownModel"]["message"]
    assert seen["wrongKey"]["status"] == 401
    assert "fairlead token" in seen["wrongKey"]["message"]


def test_openai_models(environment: dict[str, str]) -> None:
    """OpenAI's client lists the models."""
    assert DEMO_MODEL in node.tell("openai_client.mjs", "models", environment=environment)["ids"]


def test_openai_responses(environment: dict[str, str]) -> None:
    """OpenAI's client streams the typed events of the Responses API."""
    kinds = node.tell("openai_client.mjs", "responses", environment=environment)["kinds"]
    assert kinds[0] == "response.created"
    assert "response.output_text.delta" in kinds


def test_ai_sdk_structured_output(environment: dict[str, str]) -> None:
    """The AI SDK gets an object of the schema that it asked for."""
    seen = node.tell("ai_sdk.mjs", "structured", environment=environment)
    assert seen["output"]["status"] in {"ok", "broken"}


def test_compatcanary(environment: dict[str, str]) -> None:
    """Every probe of compatcanary's fullest profile passes."""
    report = node.tell(
        "node_modules/compatcanary/src/cli.js",
        *("scan", "--profile", "modern", "--timeout", "20", "--format", "json", "--fail-on", "never"),
        environment=environment,
    )
    results = {result["id"]: (result["status"], result["summary"]) for result in report["results"]}
    assert len(results) == 7
    assert {name for name, (status, _) in results.items() if status != "pass"} == set(), results


def output_tokens(usage: dict[str, Any]) -> int:
    """Return how many tokens were generated, by the name that the client gives them."""
    tokens = usage["completion_tokens"] if "completion_tokens" in usage else usage["outputTokens"]
    return int(tokens)
