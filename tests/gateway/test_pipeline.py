"""Requests through a whole gateway: real sockets, a real Valkey, a scripted upstream."""

from tests.gateway.support.frames import CHAT_STREAM, CHAT_VISIBLE
from tests.gateway.support.gateway import Gateway, chat
from tests.gateway.support.upstream import Line, Seen, Upstream


async def test_answers_a_chat(gateway: Gateway, upstream: Upstream) -> None:
    """A chat goes to the model's upstream and its answer comes back untouched."""
    answer = await gateway.ask("/v1/chat/completions", chat())
    assert answer.status == 200
    assert answer.json["choices"][0]["message"]["content"] == "Hello"


async def test_streams_a_chat(gateway: Gateway, upstream: Upstream) -> None:
    """A streamed chat comes back frame by frame, without the usage that the gateway asked for on its own account."""

    async def script(seen: Seen, line: Line) -> None:
        await line.stream([CHAT_STREAM])

    upstream.script = script
    answer = await gateway.ask("/v1/chat/completions", chat(stream=True))
    assert answer.body == CHAT_VISIBLE
