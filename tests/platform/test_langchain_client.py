"""LangChain's client for OpenAI works against the platform unchanged."""

from collections.abc import Callable

import openai
import pytest
from langchain_core.messages import AIMessage
from langchain_openai import ChatOpenAI
from pydantic import BaseModel, Field, SecretStr

from tests.support.platform import DEMO_MODEL, Platform

pytestmark = pytest.mark.platform

Chat = Callable[..., ChatOpenAI]


class Status(BaseModel):
    """State of a service."""

    status: str = Field(pattern="^(ok|broken)$")


def weather(city: str) -> str:
    """Tell the weather of a city."""
    return f"fine in {city}"


@pytest.fixture
def chat(platform: Platform) -> Chat:
    """LangChain's chat model, configured as its users do."""

    def of(model: str = DEMO_MODEL, key: str | None = None, max_tokens: int = 20) -> ChatOpenAI:
        return ChatOpenAI(
            model=model,
            base_url=f"{platform.url}/v1",
            api_key=SecretStr(key or platform.token),
            max_completion_tokens=max_tokens,
            stream_usage=True,
        )

    return of


def test_chat(chat: Chat) -> None:
    """A chat answer carries text and the usage."""
    answer = chat().invoke("What is a replica?")
    assert answer.content
    assert answer.usage_metadata is not None
    assert 0 < answer.usage_metadata["output_tokens"] <= 20


def test_streamed_chat(chat: Chat) -> None:
    """A streamed chat arrives in pieces, which add up to an answer with usage."""
    pieces = list(chat().stream("What is a replica?"))
    whole = pieces[0]
    for piece in pieces[1:]:
        whole += piece
    assert len(pieces) > 1
    assert whole.content
    assert whole.usage_metadata is not None
    assert 0 < whole.usage_metadata["output_tokens"] <= 20


def test_tool(chat: Chat) -> None:
    """A bound tool that must be called is called by its name."""
    answer = chat(max_tokens=200).bind_tools([weather], tool_choice="weather").invoke("How is the weather in Kiel?")
    assert isinstance(answer, AIMessage)
    assert [call["name"] for call in answer.tool_calls + answer.invalid_tool_calls] == ["weather"]


def test_structured_output(chat: Chat) -> None:
    """Structured output is an object of the class that was asked for."""
    answer = chat(max_tokens=50).with_structured_output(Status, method="json_schema").invoke("How is the service?")
    assert isinstance(answer, Status)
    assert answer.status in {"ok", "broken"}


def test_errors(chat: Chat) -> None:
    """An unknown model and a wrong key raise the classes that LangChain's users know from OpenAI's client."""
    with pytest.raises(openai.NotFoundError, match="no-such-model"):
        chat("no-such-model").invoke("Hello")
    with pytest.raises(openai.AuthenticationError):
        chat(key="fl-nobody-nothing").invoke("Hello")
