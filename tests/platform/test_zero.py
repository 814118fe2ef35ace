"""A model that nobody asks has no replica; one that is asked has one again."""

import asyncio
from functools import partial

import httpx2
import pytest

from tests.support.manifests import manifest
from tests.support.platform import Platform
from tests.support.waiting import eventually

pytestmark = [pytest.mark.platform, pytest.mark.long]

SCALING = {
    "minReplicas": 0,
    "maxReplicas": 1,
    "targetOngoingRequests": 8,
    "upscaleDelaySeconds": 0,
    "downscaleDelaySeconds": 2,
    "idleSecondsToZero": 5,
}
WAITING = ": waiting for the model"


@pytest.mark.timeout(600)
async def test_sleeps_and_wakes(platform: Platform) -> None:
    """A model at zero is listed, wakes for all that ask at once, streams being kept company, and sleeps again."""
    await asyncio.to_thread(platform.apply, manifest("sleepy", scaling=SCALING))
    try:
        for _ in range(2):
            await asyncio.to_thread(asleep, platform)
            assert "sleepy" in listed(platform)
            stream = platform.stream(model="sleepy", max_tokens=4, temperature=1)
            ask = partial(platform.chat, model="sleepy", max_tokens=2, temperature=1)
            answers = await asyncio.gather(*(asyncio.to_thread(ask) for _ in range(4)))
            await asyncio.to_thread(stream.wait_for_end, within_s=120)
            assert [answer.status_code for answer in answers] == [200] * 4
            assert (stream.is_complete, WAITING in stream.comments) == (True, True), stream.summary()
    finally:
        await asyncio.to_thread(platform.delete, "sleepy")


def listed(platform: Platform) -> list[str]:
    """Return the names that the API lists."""
    answer = httpx2.get(f"{platform.url}/v1/models", headers=platform.headers(), timeout=10)
    return [model["id"] for model in answer.json()["data"]]


def asleep(platform: Platform) -> None:
    """Wait until the model has no replica and no process of it is left."""
    eventually(
        lambda: platform.model("sleepy")["ready"] == 0 and not platform.ranks("sleepy"),
        within_s=180,
        what="no replica left",
        pause_s=1,
    )
