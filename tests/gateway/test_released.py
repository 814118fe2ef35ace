"""What is left in memory of a request that has ended: nothing, without the collector of cycles looking for it."""

import asyncio
import gc
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from fairlead_gateway.pipeline import Inference
from tests.gateway.support.gateway import chat, running_gateway
from tests.gateway.support.upstream import Line, Seen, Upstream, whole_answer

CHAT_PATH = "/v1/chat/completions"

HURRY = {"x-request-timeout-seconds": "0.1"}
SOON_S = 10


async def cut(_: Seen, line: Line) -> None:
    """Close the connection instead of answering."""
    line.close()


@pytest.fixture
def uncollected() -> Iterator[None]:
    """Memory in which cycles stay."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize(
    "status, script, settings, headers",
    [
        (200, whole_answer, {}, {}),
        (400, lambda _seen, line: line.answer(400, "application/json", b"{}"), {}, {}),
        (502, cut, {}, {}),
        (504, lambda _seen, line: line.left(), {}, HURRY),
        (503, lambda _seen, line: line.answer(404, "text/plain", b"not found"), {"hold_whole_s": 0.1}, {}),
    ],
    ids=["answered", "refused", "cut", "in a hurry", "held in vain"],
)
async def test_nothing_stays(  # noqa: PLR0917 - fixtures and cases
    tmp_path: Path,
    valkey: Path,
    redis: Redis,
    upstream: Upstream,
    uncollected: None,
    status: int,
    script: Callable[[Seen, Line], Awaitable[None]],
    settings: dict[str, Any],
    headers: dict[str, str],
) -> None:
    """However a request ends, its body is free at once: during an outage many large ones end in a short time."""
    upstream.script = script
    others = {id(each) for each in held()}
    async with running_gateway(tmp_path, valkey, upstream.port, **settings) as gateway:
        for _ in range(3):
            assert (await gateway.ask(CHAT_PATH, chat(), headers=headers)).status == status

        async with asyncio.timeout(SOON_S):
            while {id(each) for each in held()} - others:  # noqa: ASYNC110 - memory that is freed sets no event
                await asyncio.sleep(0.05)


def held() -> list[Inference]:
    """Return the requests that are in memory."""
    return [each for each in gc.get_objects() if type(each) is Inference]  # isinstance() would ask each for its class
