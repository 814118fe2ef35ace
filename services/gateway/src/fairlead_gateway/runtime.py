"""Everything that a running gateway consists of, opened in order and closed in reverse."""

import asyncio
import hashlib
import hmac
import logging
import resource
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any, Final

from opentelemetry.exporter.otlp.proto.http import trace_exporter

from fairlead_contract.issuers import NO_ISSUERS, Issuers
from fairlead_contract.key_register import KeyRegister
from fairlead_contract.key_store import KeysInFile
from fairlead_contract.tenants import Tenants
from fairlead_gateway.app import create_app
from fairlead_gateway.asgi import AsgiLane, Lifespan
from fairlead_gateway.auth import Authenticator
from fairlead_gateway.breaker import BreakerRules
from fairlead_gateway.cache import CacheBounds, ResponseCache
from fairlead_gateway.catalog import Catalog, RouteIndex, read_routes
from fairlead_gateway.deadlines import Deadlines
from fairlead_gateway.doors import DoorRules, Doors
from fairlead_gateway.edge import Edge, EdgeLimits, Handler
from fairlead_gateway.endpoints import ENDPOINTS, dialect_of
from fairlead_gateway.envelope import render
from fairlead_gateway.failed_attempts import FailedAttempts
from fairlead_gateway.flights import Flights
from fairlead_gateway.heartbeat import Heartbeats
from fairlead_gateway.holding import Holding, HoldRules
from fairlead_gateway.issuers import IssuerDirectory, local_issuer, read_issuers, source_opener
from fairlead_gateway.jwt_tokens import TokenVerifier, read_token_key
from fairlead_gateway.key_desk import KeyDesk
from fairlead_gateway.key_ring import KeyIndex, KeyRing, read_keys
from fairlead_gateway.lanes import lanes
from fairlead_gateway.ledger.batch import Retention
from fairlead_gateway.ledger.reader import LedgerReader
from fairlead_gateway.ledger.safety import LedgerSafety
from fairlead_gateway.ledger.writer import LedgerWriter
from fairlead_gateway.limits import Limiter
from fairlead_gateway.logs import access_log
from fairlead_gateway.metrics import GatewayMetrics
from fairlead_gateway.observer import Observer
from fairlead_gateway.pace import PRESSURE_FILES, Pace
from fairlead_gateway.pipeline import Pipeline, Services
from fairlead_gateway.prices import PriceList
from fairlead_gateway.redis_address import RedisAddress
from fairlead_gateway.redis_link import RedisLink
from fairlead_gateway.resilience import Resilience
from fairlead_gateway.retry_budget import RetryRules
from fairlead_gateway.scrape import scrape_lane
from fairlead_gateway.sender import Sender, UpstreamTimes
from fairlead_gateway.settings import GatewaySettings
from fairlead_gateway.span_export import Seldom, SpanExport
from fairlead_gateway.tenant_salt import TenantSalts
from fairlead_gateway.tenants import NO_TENANTS, TenantDirectory, read_tenants
from fairlead_gateway.token_claims import TokenRules
from fairlead_gateway.traces import Traces
from fairlead_gateway.upstream import UpstreamPool
from fairlead_gateway.watch import WatchedFile, watch

FILES_OF_OUR_OWN: Final = 128
"""Open files that are no client's: Redis, watched files, listeners, libraries."""

LEDGER_DEADLINE_S: Final = 5.0
"""Nobody's request waits for the ledger, so Redis may take its time."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Runtime:
    """A running gateway.

    Attributes:
        draining: Whether it has been told to stop.
        port: Where the API listens.
        metrics_port: Where /metrics is served.
    """

    settings: GatewaySettings
    metrics: GatewayMetrics
    services: Services
    edge: Edge
    draining: asyncio.Event
    port: int
    metrics_port: int

    async def drain(self) -> None:
        """Become not ready, send away who waits for a model, let balancers notice, then finish what is under way."""
        self.draining.set()
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
    draining: Callable[[], bool]


@dataclass(frozen=True, slots=True)
class _Files:
    """The watched files."""

    routes: WatchedFile[RouteIndex]
    tenants: WatchedFile[Tenants]
    keys: WatchedFile[KeyIndex]
    issuers: WatchedFile[Issuers] | None

    @classmethod
    def of(cls, settings: GatewaySettings, metrics: GatewayMetrics) -> "_Files":
        return cls(
            routes=WatchedFile(settings.routes_file, read_routes, absent=RouteIndex(), on_read=metrics.config_read),
            tenants=WatchedFile(settings.tenants_file, read_tenants, absent=NO_TENANTS, on_read=metrics.config_read),
            keys=WatchedFile(
                settings.api_keys_file, read_keys, absent=MappingProxyType({}), on_read=metrics.config_read
            ),
            issuers=_issuers_file(settings, metrics),
        )

    @property
    def all(self) -> list[WatchedFile[Any]]:
        return [self.routes, self.tenants, self.keys, *([] if self.issuers is None else [self.issuers])]

    def declared_issuers(self) -> Issuers:
        return NO_ISSUERS if self.issuers is None else self.issuers.value


def _issuers_file(settings: GatewaySettings, metrics: GatewayMetrics) -> WatchedFile[Issuers] | None:
    if settings.issuers_file is None:
        return None
    read = partial(read_issuers, local=settings.issuer)
    return WatchedFile(settings.issuers_file, read, absent=NO_ISSUERS, on_read=metrics.config_read)


@asynccontextmanager
async def open_runtime(settings: GatewaySettings) -> AsyncIterator[Runtime]:
    """Open a gateway; it listens when the block begins and has closed everything when the block ends.

    Raises:
        OSError: A secret file cannot be read, or a port is taken.
        ValueError: A secret is too short.
    """
    async with AsyncExitStack() as stack:
        loop = asyncio.get_running_loop()
        metrics = GatewayMetrics()
        deadlines = Deadlines(loop)
        stack.callback(deadlines.close)
        files = _open_files(settings, metrics, stack)
        services = await _open_services(settings, files, metrics, deadlines, stack)
        draining = asyncio.Event()
        ledger = _open_ledger_reader(settings, stack)
        keys = _key_desk(settings, files)
        app = create_app(_ApiServices(services.authenticator, services.catalog, ledger, keys, draining.is_set))
        await stack.enter_async_context(Lifespan(app))
        scrape = _edge(scrape_lane(metrics), settings, deadlines)
        stack.push_async_callback(scrape.drain, limit_s=0)
        lane = lanes(ENDPOINTS, Pipeline(services), AsgiLane(app), allowed_hosts=frozenset(settings.allowed_hosts))
        edge = _edge(lane, settings, deadlines)
        stack.push_async_callback(edge.drain, limit_s=0)
        stack.callback(services.resilience.close)
        metrics_port = await scrape.listen(settings.metrics_host, settings.metrics_port)
        port = await edge.listen(settings.host, settings.port)
        yield Runtime(settings, metrics, services, edge, draining, port, metrics_port)


def _open_files(settings: GatewaySettings, metrics: GatewayMetrics, stack: AsyncExitStack) -> _Files:
    """Return the watched files, read once and watched from now on."""
    files = _Files.of(settings, metrics)
    for file in files.all:
        file.poll()
    watcher = asyncio.create_task(watch(files.all))
    stack.callback(watcher.cancel)
    return files


def _key_desk(settings: GatewaySettings, files: _Files) -> KeyDesk:
    register = KeyRegister(KeysInFile(settings.api_keys_file), read_token_key(settings.pepper_file))
    return KeyDesk(register, TenantDirectory(files.tenants), reread=files.keys.poll)


async def _open_services(
    settings: GatewaySettings, files: _Files, metrics: GatewayMetrics, deadlines: Deadlines, stack: AsyncExitStack
) -> Services:
    pepper = read_token_key(settings.pepper_file)
    tenants = TenantDirectory(files.tenants)
    address = RedisAddress.from_url(settings.redis)
    counters = RedisLink(address, deadline_s=settings.redis_deadline_s, on_state=metrics.limiter_up)
    stack.push_async_callback(counters.aclose)
    answers = _open_cache_link(settings, address, stack)
    ledger = _open_ledger(settings, metrics, stack)
    spans = _open_spans(settings, metrics, stack)
    _watch_ledger_safety(settings, metrics, stack)
    pool = UpstreamPool(
        deadlines,
        connect_timeout_s=settings.connect_timeout_s,
        idle_s=settings.upstream_idle_s,
        on_retry=metrics.retried,
        on_retry_refused=metrics.retry_refused,
        retries=RetryRules(settings.retry_share),
    )
    stack.callback(pool.close)
    prices = PriceList(files.tenants)
    limiter = Limiter(
        counters,
        tenants,
        when_lost=settings.when_redis_lost,
        gateways=settings.gateways,
        cost=lambda model, usage: prices.cost(model, usage) or 0,
    )
    keeping = asyncio.create_task(limiter.keeper.run())
    stack.callback(keeping.cancel)
    sender = Sender(pool, hop_root=read_token_key(settings.hop_key_file), times=_times(settings))
    return Services(
        authenticator=Authenticator(
            TokenVerifier(_open_issuers(settings, files, metrics, stack)),
            KeyRing(files.keys, pepper),
            tenants,
            attempts=FailedAttempts(
                settings.failed_attempts_per_minute,
                trusted=settings.trusted_proxies,
                on_failure=metrics.unauthenticated,
            ),
        ),
        catalog=Catalog(files.routes),
        limiter=limiter,
        cache=ResponseCache(
            answers,
            _derived(pepper, "response-cache"),
            bounds=CacheBounds(settings.cache_entry_bytes, settings.cache_total_bytes),
            on_foreign=lambda: metrics.cache("foreign"),
        ),
        salts=TenantSalts(_derived(pepper, "prefix-cache")),
        pace=Pace(most=settings.tokens_per_event, files=PRESSURE_FILES),
        sender=sender,
        observer=Observer(
            metrics,
            access_log() if settings.access_log else None,
            prices=prices,
            ledger=ledger.append,
            traces=None if spans is None else spans.add,
        ),
        resilience=_resilience(settings, metrics, deadlines, sender),
        traces=None if spans is None else _traces(settings, metrics),
        media_domains=frozenset(settings.media_domains),
    )


def _resilience(settings: GatewaySettings, metrics: GatewayMetrics, deadlines: Deadlines, sender: Sender) -> Resilience:
    breaker = BreakerRules(settings.breaker_failures, settings.breaker_pause_s)
    rules = HoldRules(settings.hold_stream_s, settings.hold_whole_s, settings.held_requests)
    return Resilience(
        flights=Flights(followers=settings.shared_waiters),
        doors=Doors(DoorRules(settings.running_requests, breaker), on_circuit=metrics.circuit),
        holding=Holding(sender.knock, rules, on_held=metrics.held),
        heartbeats=Heartbeats(deadlines, silence_s=settings.stream_silence_s),
        longest_s=settings.longest_stream_s,
    )


def _open_cache_link(settings: GatewaySettings, shared: RedisAddress, stack: AsyncExitStack) -> RedisLink:
    own = settings.cache_redis
    log.info("the response cache lies on %s", "the Redis of limits and ledger" if own is None else "a Redis of its own")
    link = RedisLink(shared if own is None else RedisAddress.from_url(own), deadline_s=settings.redis_deadline_s)
    stack.push_async_callback(link.aclose)
    return link


def _watch_ledger_safety(settings: GatewaySettings, metrics: GatewayMetrics, stack: AsyncExitStack) -> None:
    link = RedisLink(RedisAddress.from_url(settings.redis), deadline_s=LEDGER_DEADLINE_S)
    stack.push_async_callback(link.aclose)
    task = asyncio.create_task(LedgerSafety(link, metrics.ledger).run())
    stack.callback(task.cancel)


def _open_ledger(settings: GatewaySettings, metrics: GatewayMetrics, stack: AsyncExitStack) -> LedgerWriter:
    """Return the ledger's writer, at work; at the end it writes what still waits."""
    link = RedisLink(RedisAddress.from_url(settings.redis), deadline_s=LEDGER_DEADLINE_S)
    stack.push_async_callback(link.aclose)
    retention = Retention(settings.ledger_days, settings.ledger_entries, settings.usage_days)
    writer = LedgerWriter(link, metrics.ledger, retention=retention, capacity=settings.ledger_buffer_records)
    stack.push_async_callback(writer.flush, settings.ledger_flush_s)
    task = asyncio.create_task(writer.run())
    stack.callback(task.cancel)
    return writer


def _open_spans(settings: GatewaySettings, metrics: GatewayMetrics, stack: AsyncExitStack) -> SpanExport | None:
    """Return the way of spans to the collector, or None where nothing is traced."""
    if settings.traces_endpoint is None:
        return None
    complaints, seldom = logging.getLogger(trace_exporter.__name__), Seldom()
    complaints.addFilter(seldom)
    stack.callback(complaints.removeFilter, seldom)
    exporter = trace_exporter.OTLPSpanExporter(settings.traces_endpoint)
    export = SpanExport(exporter, metrics.traces, capacity=settings.traces_buffer)
    stack.push_async_callback(export.aclose)
    return export


def _traces(settings: GatewaySettings, metrics: GatewayMetrics) -> Traces:
    return Traces(ratio=settings.traces_ratio, per_s=settings.traced_requests, on_limited=metrics.traces.limited)


def _open_ledger_reader(settings: GatewaySettings, stack: AsyncExitStack) -> LedgerReader:
    link = RedisLink(RedisAddress.from_url(settings.redis), deadline_s=LEDGER_DEADLINE_S)
    stack.push_async_callback(link.aclose)
    return LedgerReader(link, settings.ledger_days)


def _open_issuers(
    settings: GatewaySettings, files: _Files, metrics: GatewayMetrics, stack: AsyncExitStack
) -> IssuerDirectory:
    rules = TokenRules(issuer=settings.issuer, audience=settings.audience, admins=True)
    local = local_issuer(read_token_key(settings.jwt_key_file), rules)
    opener = source_opener(on_fetched=metrics.jwks_fetched, on_read=metrics.config_read)
    issuers = IssuerDirectory(local, files.declared_issuers, opener)
    stack.callback(issuers.close)
    watcher = asyncio.create_task(issuers.watch())
    stack.callback(watcher.cancel)
    return issuers


def _times(settings: GatewaySettings) -> UpstreamTimes:
    return UpstreamTimes(settings.first_byte_timeout_s, settings.idle_timeout_s, settings.longest_stream_s)


def _edge(handler: Handler, settings: GatewaySettings, deadlines: Deadlines) -> Edge:
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
    return Edge(handler, render=render, dialect_of=dialect_of, limits=limits, deadlines=deadlines)


def _connection_room() -> int:
    """Return how many clients the limit of open files leaves room for: each takes one, and one upstream besides."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max((soft - FILES_OF_OUR_OWN) // 2, 1)


def _derived(root: bytes, purpose: str) -> bytes:
    """Return a key for one purpose, so that no two purposes share one (as in HKDF, RFC 5869)."""
    return hmac.new(root, f"fairlead/{purpose}".encode(), hashlib.sha256).digest()
