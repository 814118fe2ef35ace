"""What pods say of themselves on their metrics ports."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx2
from aiohttp import web

from fairlead_contract.replica_facts import ReplicaFacts
from fairlead_operator.facts import Facts
from fairlead_operator.observed import Json
from fairlead_operator.progress import SAY_EVERY_S, Meter

DEMO = ("models", "demo")


@dataclass
class Page:
    """A metrics page."""

    port: int = 0
    text: str = ""
    reads: int = 0

    async def answer(self, _: web.Request) -> web.Response:
        self.reads += 1
        return web.Response(text=self.text)

    def phase(self, phase: str) -> None:
        self.text = f'ray_fairlead_replica_phase{{model="demo",replica="r1",phase="{phase}"}} 1.0\n'


async def test_facts() -> None:
    """A pod that runs is asked on its port for metrics; what it says of other models is not this one's."""
    async with page() as metrics, httpx2.AsyncClient(trust_env=False) as http:
        metrics.phase("loading")
        facts = Facts(http)

        assert await facts.of("demo", [pod(metrics)]) == (ReplicaFacts("r1", "loading"),)
        assert await facts.of("other", [pod(metrics, uid="2")]) == ()
        assert await facts.of("demo", [pod(metrics, phase="Pending", uid="3")]) == ()


async def test_seldom() -> None:
    """A pod is not asked again at once."""
    async with page() as metrics, httpx2.AsyncClient(trust_env=False) as http:
        metrics.phase("ready")
        facts = Facts(http)

        first = await facts.of("demo", [pod(metrics)])
        metrics.phase("failed")
        assert await facts.of("demo", [pod(metrics)]) == first
        assert metrics.reads == 1


def test_progress_is_said_seldom() -> None:
    """A download's progress changes in the status once in ten seconds, and is gone with the download."""
    meter = Meter()
    quarter = (ReplicaFacts("r", "downloading", 10**9, 4 * 10**9),)
    half = (ReplicaFacts("r", "downloading", 2 * 10**9, 4 * 10**9),)

    said = [meter.read(DEMO, facts, now_s) for facts, now_s in ((quarter, 0), (half, 5), (half, SAY_EVERY_S))]

    assert [each.percent for each in said if each] == [25, 25, 50]
    assert meter.read(DEMO, (ReplicaFacts("r", "loading"),), 11) is None


def pod(metrics: Page, *, phase: str = "Running", uid: str = "1") -> Json:
    ports = [{"name": "metrics", "containerPort": metrics.port}]
    return {
        "metadata": {"name": "demo-worker", "uid": uid},
        "spec": {"containers": [{"ports": ports}]},
        "status": {"phase": phase, "podIP": "127.0.0.1"},
    }


@asynccontextmanager
async def page() -> AsyncIterator[Page]:
    """Serve a metrics page on a free port."""
    served = Page()
    application = web.Application()
    application.router.add_get("/metrics", served.answer)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        served.port = runner.addresses[0][1]
        yield served
    finally:
        await runner.cleanup()
