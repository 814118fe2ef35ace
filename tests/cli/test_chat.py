"""Conversations with a model, before a small server that speaks the gateway's language."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from fairlead_cli.applied import write_applied
from fairlead_cli.chat import Conversation, check_model, only_model
from fairlead_cli.errors import PlatformNotRunning, UnknownName
from fairlead_cli.home import Home
from fairlead_contract.errors import EngineDied, InvalidRequest
from tests.cli.builders import deployment
from tests.cli.conftest import answering


def event(**delta: str) -> str:
    return f"data: {json.dumps({'choices': [{'delta': delta}]})}\n\n"


DONE = "data: [DONE]\n\n"


def always(status: int, text: str) -> Callable[..., tuple[int, str]]:
    return lambda *_: (status, text)


def test_pieces_of_an_answer() -> None:
    """An answer comes piece by piece, and parts without text are passed over."""
    stream = event(role="assistant") + event(content="Hel") + ": a comment\n\n" + event(content="lo") + DONE
    with answering(always(200, stream)) as address:
        assert list(Conversation(address, "token", "demo").say("Hi")) == ["Hel", "lo"]


def test_what_was_said_is_sent_along() -> None:
    """The second question carries the first and its answer, and the token."""
    asked: list[tuple[dict[str, str], Any]] = []

    def answer(_method: str, _path: str, headers: dict[str, str], body: Any) -> tuple[int, str]:
        asked.append((headers, body))
        return 200, event(content="Hello") + DONE

    with answering(answer) as address:
        conversation = Conversation(address, "token", "demo")
        for text in ("Hi", "Bye"):
            list(conversation.say(text))
    headers, body = asked[1]
    assert headers["authorization"] == "Bearer token"
    assert (body["model"], body["stream"]) == ("demo", True)
    assert [message["content"] for message in body["messages"]] == ["Hi", "Hello", "Bye"]


@pytest.mark.parametrize(
    "stream, words",
    [
        (event(content="Hel"), "broke off"),
        (event(content="Hel") + 'data: {"error": {"message": "the engine died"}}\n\n', "the engine died"),
    ],
)
def test_broken_answers(stream: str, words: str) -> None:
    """An answer that ends without its end is an error, and is not remembered as said."""
    with answering(always(200, stream)) as address:
        conversation = Conversation(address, "token", "demo")
        with pytest.raises(EngineDied, match=words):
            list(conversation.say("Hi"))
        assert conversation.messages == []


def test_refusal() -> None:
    """A refusal is told in the gateway's own words."""
    refusing = always(429, '{"error": {"message": "too many requests"}}')
    with answering(refusing) as address, pytest.raises(InvalidRequest, match="too many requests"):
        list(Conversation(address, "token", "demo").say("Hi"))


def test_no_gateway() -> None:
    """A gateway that is not there is told as such."""
    with pytest.raises(PlatformNotRunning, match="does not answer"):
        list(Conversation("http://127.0.0.1:1", "token", "demo").say("Hi"))


def test_unknown_model() -> None:
    """A model that the gateway does not list is refused with those it does."""
    with answering(always(200, '{"data": [{"id": "demo"}]}')) as address:
        assert check_model(address, "token", "demo") == "demo"
        with pytest.raises(UnknownName, match="no model 'big'; models: demo"):
            check_model(address, "token", "big")


def test_only_model(home: Home) -> None:
    """Without a name it is the one applied model; of several, or none, one has to choose."""
    with pytest.raises(UnknownName, match="no model is applied"):
        only_model(home)
    write_applied(home, [deployment("a", model={"name": "Chat", "aliases": ["c"]})], now=1)
    assert only_model(home) == "Chat"
    write_applied(home, [deployment("b")], now=2)
    with pytest.raises(UnknownName, match="name one of: Chat, b"):
        only_model(home)
