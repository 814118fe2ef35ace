"""How many seconds of sound an answer tells."""

import asyncio
from typing import Any

import pytest

from fairlead_contract.names import AUDIO_SECONDS_HEADER
from fairlead_serving.heard import HeardHeader, measured

HEADER = AUDIO_SECONDS_HEADER.encode()


async def decode(seconds: float) -> tuple[str, float]:
    return "chunks", seconds


class Listener:
    """An application that decodes a sound, in a task of its own as vLLM does, before it answers."""

    def __init__(self) -> None:
        self._decode = measured(decode)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["seconds"] is not None:
            assert await asyncio.create_task(self._heard(scope["seconds"])) == ("chunks", scope["seconds"])
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
        await send({"type": "http.response.body", "body": b"data"})

    async def _heard(self, seconds: float) -> tuple[str, float]:
        return await self._decode(seconds)


async def answer(app: HeardHeader, seconds: float | None) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    await app({"type": "http", "seconds": seconds}, None, send)  # type: ignore[arg-type]  # nothing is received
    return sent


@pytest.mark.parametrize("seconds,told", [(1.5, b"2"), (3.0, b"3"), (0.01, b"1")])
async def test_an_answer_tells_what_was_heard(seconds: float, told: bytes) -> None:
    """The head tells the seconds, begun ones whole; everything else stays as it is."""
    head, body = await answer(HeardHeader(Listener()), seconds)
    assert head["headers"] == [(b"content-type", b"text/event-stream"), (HEADER, told)]
    assert body == {"type": "http.response.body", "body": b"data"}


async def test_an_answer_without_sound_tells_nothing() -> None:
    """Where nothing was decoded there is no such header."""
    head, _ = await answer(HeardHeader(Listener()), None)
    assert head["headers"] == [(b"content-type", b"text/event-stream")]


async def test_requests_are_not_mixed_up() -> None:
    """Each of many requests at a time is told its own seconds."""
    app = HeardHeader(Listener())
    answers = await asyncio.gather(*(answer(app, float(seconds)) for seconds in range(1, 20)))
    assert [dict(head["headers"])[HEADER] for head, _ in answers] == [b"%d" % seconds for seconds in range(1, 20)]
