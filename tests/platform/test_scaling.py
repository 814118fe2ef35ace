"""Load makes replicas, saturation makes no restarts."""

import asyncio
from collections.abc import Callable
from typing import Self

import pytest

from tests.bench.load import Sample, Target, run
from tests.support.manifests import manifest
from tests.support.platform import Platform
from tests.support.processes import is_alive
from tests.support.waiting import eventually

pytestmark = [pytest.mark.platform, pytest.mark.long]

GENERATED = "ray_vllm_generation_tokens_total"
SATURATION_S = 600.0


@pytest.mark.timeout(900)
async def test_scales_out_and_back(platform: Platform) -> None:
    """Under four times the target, one replica becomes two, both answer, they become one again; no request fails."""
    scaling = {
        "minReplicas": 1,
        "maxReplicas": 2,
        "targetOngoingRequests": 2,
        "upscaleDelaySeconds": 2,
        "downscaleDelaySeconds": 5,
    }
    await asyncio.to_thread(platform.apply, manifest("elastic", scaling=scaling))
    try:
        load = Load(platform, "elastic", streams=8)
        async with load:
            await seen(lambda: platform.model("elastic")["ready"] == 2, within_s=180, what="two replicas")
            await seen(lambda: answering_replicas(platform) == 2, within_s=60, what="both replicas answer")
        load.streams = 1
        async with load:
            await seen(lambda: replicas(platform) == (1, 1), within_s=180, what="one replica again")
        assert load.failures == []
        assert load.requests > 50
    finally:
        await asyncio.to_thread(platform.delete, "elastic")


@pytest.mark.timeout(1200)
async def test_saturation(platform: Platform) -> None:
    """Ten minutes at four times max-num-seqs restart nothing, and every request is answered."""
    await asyncio.to_thread(platform.apply, manifest("busy", arguments={"max-num-seqs": 16}))
    try:
        engine = await asyncio.to_thread(platform.engine_core, "busy")
        load = Load(platform, "busy", streams=64)
        async with load:
            await asyncio.sleep(SATURATION_S)  # the acceptance's own ten minutes
        assert (await asyncio.to_thread(platform.engine_core, "busy")).pid == engine.pid
        assert is_alive(engine)
        assert load.failures == []
        assert load.requests > 500
    finally:
        await asyncio.to_thread(platform.delete, "busy")


class Load:
    """Streams on a model, as many as wanted, for as long as the block lasts."""

    def __init__(self, platform: Platform, model: str, *, streams: int) -> None:
        self._target = Target(platform.url, model, platform.tenant())
        self.streams = streams
        self.requests = 0
        self.failures: list[str] = []

    async def __aenter__(self) -> Self:
        self._stopping = False
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stopping = True
        await self._task

    async def _run(self) -> None:
        while not self._stopping:
            sample: Sample = await run(self._target, streams=self.streams, requests=4 * self.streams, tokens=100)
            self.requests += sample.requests
            self.failures += sample.failures + ["a kept connection was closed"] * sample.reconnections


async def seen(condition: Callable[[], bool], *, within_s: float, what: str) -> None:
    """Wait for something that can be seen from outside, while the load goes on."""
    await asyncio.to_thread(eventually, condition, within_s=within_s, what=what, pause_s=1)


def answering_replicas(platform: Platform) -> int:
    """Return how many replicas have generated tokens."""
    samples = platform.engine_metrics().select(GENERATED, model_name="elastic")
    return len({sample.labels["ReplicaId"] for sample in samples if sample.value > 0})


def replicas(platform: Platform) -> tuple[int, int]:
    row = platform.model("elastic")
    return row["ready"], row["target"]
