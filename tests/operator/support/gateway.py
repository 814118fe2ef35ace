"""A gateway's internal endpoint, which says what a test lets it say."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from fairlead_operator.observed import Identity


@dataclass(slots=True)
class Gateway:
    """One gateway."""

    address: str = ""
    routes: dict[Identity, tuple[int, str, int]] = field(default_factory=dict)
    """Generation, state and requests in flight, by namespace and name."""

    def route(
        self, namespace: str, name: str = "demo", generation: int = 1, *, state: str = "routed", running: int = 0
    ) -> None:
        """Route a model from now on."""
        self.routes[namespace, name] = (generation, state, running)

    async def answer(self, _: web.Request) -> web.Response:
        rows = [
            {"namespace": namespace, "name": name, "generation": generation, "state": state, "running": running}
            for (namespace, name), (generation, state, running) in self.routes.items()
        ]
        return web.json_response({"routes": rows})


@asynccontextmanager
async def running_gateway() -> AsyncIterator[Gateway]:
    """Answer on a free port."""
    gateway = Gateway()
    application = web.Application()
    application.router.add_get("/internal/routes", gateway.answer)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        gateway.address = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield gateway
    finally:
        await runner.cleanup()
