"""Everything that a running gateway consists of, opened in order and closed in reverse."""

import asyncio
import resource
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final

from fairlead_contract.key_register import KeyRegister
from fairlead_gateway.app import create_app
from fairlead_gateway.asgi import AsgiLane, Lifespan
from fairlead_gateway.assembly import open_services
from fairlead_gateway.auth import Authenticator
from fairlead_gateway.body_budget import BodyBudget
from fairlead_gateway.catalog import Catalog
from fairlead_gateway.cluster.config import ClusterConfig
from fairlead_gateway.config import Config
from fairlead_gateway.config_files import ConfigFiles
from fairlead_gateway.deadlines import Deadlines
from fairlead_gateway.edge import Edge, EdgeLimits, Handler
from fairlead_gateway.endpoints import ENDPOINTS, dialect_of
from fairlead_gateway.envelope import render
from fairlead_gateway.key_desk import KeyDesk
from fairlead_gateway.lanes import lanes
from fairlead_gateway.ledger.reader import LedgerReader
from fairlead_gateway.metrics import GatewayMetrics
from fairlead_gateway.opening import LEDGER_DEADLINE_S, Opening
from fairlead_gateway.pipeline import Pipeline, Services
from fairlead_gateway.route_report import RouteReport
from fairlead_gateway.scrape import scrape_lane
from fairlead_gateway.settings import FileSource, GatewaySettings
from fairlead_gateway.tenants import TenantDirectory

FILES_OF_OUR_OWN: Final = 128
"""Open files that are no client's: Redis, watched files, listeners, libraries."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """A running gateway.

    Attributes:
        draining: Whether it has been told to stop.
        port: Where the API listens.
        metrics_port: Where /metrics is served.
    """

    settings: GatewaySettings
    config: Config
    metrics: GatewayMetrics
    services: Services
    edge: Edge
    draining: asyncio.Event
    port: int
    metrics_port: int

    async def drain(self) -> None:
        """Become not ready, send away who waits for a model, let balancers notice, then finish what is under way."""
        self.draining.set()
        self.edge.announce_end()
        self.services.resilience.close()
        await asyncio.sleep(self.settings.drain_notice_s)
        await self.edge.drain(limit_s=self.settings.longest_stream_s)


@dataclass(frozen=True, slots=True)
class _ApiServices:
    """What the FastAPI application sees of the gateway."""

    authenticator: Authenticator
    catalog: Catalog
    ledger: LedgerReader
    keys: KeyDesk
    loaded: Callable[[], bool]
    draining: Callable[[], bool]


@asynccontextmanager
async def open_runtime(settings: GatewaySettings) -> AsyncIterator[Runtime]:
    """Open a gateway; it listens when the block begins and has closed everything when the block ends.

    Raises:
        OSError: A secret file cannot be read, or a port is taken.
        ValueError: A secret is too short, or no cluster is to be found where one was asked for.
    """
    async with AsyncExitStack() as stack:
        metrics = GatewayMetrics()
        deadlines = Deadlines(asyncio.get_running_loop())
        stack.callback(deadlines.close)
        config = await _open_config(settings, metrics, stack)
        opening = Opening(settings, metrics, deadlines, config, stack)
        opening.beside(config.follow())
        services = open_services(opening)
        draining = asyncio.Event()
        app = create_app(_api_services(opening, services, draining))
        await stack.enter_async_context(Lifespan(app))
        bodies = BodyBudget(settings.bodies_bytes, on_refused=metrics.body_refused)
        metrics.watch_bodies(lambda: bodies.held_bytes)
        scrape = _edge(scrape_lane(metrics, _report(config, services)), settings, bodies, deadlines)
        stack.push_async_callback(scrape.drain, limit_s=0)
        lane = lanes(ENDPOINTS, Pipeline(services), AsgiLane(app), allowed_hosts=frozenset(settings.allowed_hosts))
        edge = _edge(lane, settings, bodies, deadlines)
        stack.push_async_callback(edge.drain, limit_s=0)
        stack.callback(services.resilience.close)
        await opening.reach_redis()
        metrics_port = await scrape.listen(settings.metrics_host, settings.metrics_port)
        port = await edge.listen(settings.host, settings.port)
        yield Runtime(settings, config, metrics, services, edge, draining, port, metrics_port)


async def _open_config(settings: GatewaySettings, metrics: GatewayMetrics, stack: AsyncExitStack) -> Config:
    source = settings.source_given
    if isinstance(source, FileSource):
        return ConfigFiles.read(source, settings, metrics)
    return await stack.enter_async_context(ClusterConfig.open(source, settings, metrics))


def _report(config: Config, services: Services) -> RouteReport:
    holding = services.resilience.holding
    return RouteReport(
        config.routes, services.in_flight, cold=lambda model: holding is not None and holding.cold(model)
    )


def _api_services(opening: Opening, services: Services, draining: asyncio.Event) -> _ApiServices:
    settings, config = opening.settings, opening.config
    register = KeyRegister(config.key_store, opening.pepper)
    return _ApiServices(
        authenticator=services.authenticator,
        catalog=services.catalog,
        ledger=LedgerReader(opening.link(deadline_s=LEDGER_DEADLINE_S), settings.ledger_days),
        keys=KeyDesk(register, TenantDirectory(config.tenants), reread=config.reread_keys),
        loaded=lambda: config.loaded,
        draining=draining.is_set,
    )


def _edge(handler: Handler, settings: GatewaySettings, bodies: BodyBudget, deadlines: Deadlines) -> Edge:
    limits = EdgeLimits(
        body_bytes=settings.body_bytes,
        body_bytes_on={path: settings.audio_bytes for path, endpoint in ENDPOINTS.items() if endpoint.audio},
        head_timeout_s=settings.head_timeout_s,
        body_idle_s=settings.body_idle_s,
        body_total_s=settings.body_total_s,
        keep_alive_s=settings.keep_alive_s,
        write_stall_s=settings.write_stall_s,
        connections=min(settings.connections, _connection_room()),
        connections_per_peer=settings.connections_per_peer,
    )
    return Edge(handler, render=render, dialect_of=dialect_of, limits=limits, bodies=bodies, deadlines=deadlines)


def _connection_room() -> int:
    """Return how many clients the limit of open files leaves room for: each takes one, and one upstream besides."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max((soft - FILES_OF_OUR_OWN) // 2, 1)
