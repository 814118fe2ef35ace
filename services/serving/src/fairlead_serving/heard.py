"""How many seconds of sound a request holds, told in the head of its answer.

vLLM tells it in the body of a few answers only: never in a stream, never of a translation. The gateway charges by it.
"""

import math
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import ParamSpec, TypeVar

from fairlead_contract.names import AUDIO_SECONDS_HEADER
from fairlead_serving.access import ASGIApp, Message, Receive, Scope, Send

Chunks = TypeVar("Chunks")
P = ParamSpec("P")

_heard: ContextVar[list[float]] = ContextVar("heard")
"""What the request at hand was found to hold; a list, because tasks within a request have contexts of their own."""


def measured(decode: Callable[P, Awaitable[tuple[Chunks, float]]]) -> Callable[P, Awaitable[tuple[Chunks, float]]]:
    """Return a decoder of sound that notes for its request how long the sound is.

    Args:
        decode: Returns the decoded sound and its length in seconds.
    """

    async def measuring(*args: P.args, **kwargs: P.kwargs) -> tuple[Chunks, float]:
        chunks, seconds = await decode(*args, **kwargs)
        _heard.get().append(seconds)
        return chunks, seconds

    return measuring


class HeardHeader:
    """Tells in each answer's head how many seconds were decoded for it, begun ones counted whole."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        seconds: list[float] = []
        _heard.set(seconds)

        async def telling(message: Message) -> None:
            if seconds and message["type"] == "http.response.start":
                told = str(math.ceil(sum(seconds))).encode("ascii")
                message["headers"] = [*message.get("headers", ()), (AUDIO_SECONDS_HEADER.encode("ascii"), told)]
            await send(message)

        await self._app(scope, receive, telling)
