"""Puts together what the pipeline works with."""

import logging

from opentelemetry.exporter.otlp.proto.http import trace_exporter
from opentelemetry.sdk.trace.export import SpanExporter

from fairlead_gateway.auth import Authenticator
from fairlead_gateway.breaker import BreakerRules
from fairlead_gateway.cache import CacheBounds, ResponseCache
from fairlead_gateway.catalog import Catalog
from fairlead_gateway.doors import DoorRules, Doors
from fairlead_gateway.failed_attempts import FailedAttempts
from fairlead_gateway.flights import Flights
from fairlead_gateway.heartbeat import Heartbeats
from fairlead_gateway.holding import Holding, HoldRules
from fairlead_gateway.issuers import IssuerDirectory, local_issuer, source_opener
from fairlead_gateway.jwt_tokens import TokenVerifier, read_token_key
from fairlead_gateway.key_ring import KeyRing
from fairlead_gateway.ledger.batch import Retention
from fairlead_gateway.ledger.safety import LedgerSafety
from fairlead_gateway.ledger.writer import LedgerWriter
from fairlead_gateway.limits import Limiter
from fairlead_gateway.logs import access_log
from fairlead_gateway.observer import Observer
from fairlead_gateway.opening import LEDGER_DEADLINE_S, Opening
from fairlead_gateway.pace import PRESSURE_FILES, Pace
from fairlead_gateway.pipeline import Services
from fairlead_gateway.prices import PriceList
from fairlead_gateway.resilience import Resilience
from fairlead_gateway.retry_budget import RetryRules
from fairlead_gateway.sender import Sender, UpstreamTimes
from fairlead_gateway.span_export import Seldom, SpanExport
from fairlead_gateway.tenant_salt import TenantSalts
from fairlead_gateway.tenants import TenantDirectory
from fairlead_gateway.token_claims import TokenRules
from fairlead_gateway.traces import Traces
from fairlead_gateway.upstream import UpstreamPool

log = logging.getLogger(__name__)


def open_services(opening: Opening) -> Services:
    """Open everything that requests need.

    Raises:
        OSError: A secret file cannot be read.
        ValueError: A secret is too short.
    """
    settings = opening.settings
    tenants = TenantDirectory(opening.config.tenants)
    prices = PriceList(opening.config.tenants)
    limiter = _limiter(opening, tenants, prices)
    cache = _cache(opening)
    ledger = _ledger(opening)
    spans = _spans(opening)
    sender = _sender(opening)
    return Services(
        authenticator=_authenticator(opening, tenants),
        catalog=Catalog(opening.config.routes),
        limiter=limiter,
        cache=cache,
        salts=TenantSalts(opening.derived("prefix-cache")),
        pace=Pace(most=settings.tokens_per_event, files=PRESSURE_FILES),
        sender=sender,
        observer=Observer(
            opening.metrics,
            access_log() if settings.access_log else None,
            prices=prices,
            ledger=ledger.append,
            traces=None if spans is None else spans.add,
        ),
        resilience=_resilience(opening, sender),
        traces=None if spans is None else _traces(opening),
        media_domains=frozenset(settings.media_domains),
    )


def _limiter(opening: Opening, tenants: TenantDirectory, prices: PriceList) -> Limiter:
    settings = opening.settings
    limiter = Limiter(
        opening.link(deadline_s=settings.redis_deadline_s, on_state=opening.metrics.limiter_up),
        tenants,
        when_lost=settings.when_redis_lost,
        gateways=settings.gateways,
        cost=lambda model, usage: prices.cost(model, usage) or 0,
    )
    opening.beside(limiter.keeper.run())
    return limiter


def _cache(opening: Opening) -> ResponseCache:
    settings, metrics = opening.settings, opening.metrics
    where = "the Redis of limits and ledger" if settings.cache_redis is None else "a Redis of its own"
    log.info("the response cache lies on %s", where)
    return ResponseCache(
        opening.link(settings.cache_redis, deadline_s=settings.redis_deadline_s),
        opening.derived("response-cache"),
        bounds=CacheBounds(settings.cache_entry_bytes, settings.cache_total_bytes),
        on_foreign=lambda: metrics.cache("foreign"),
    )


def _ledger(opening: Opening) -> LedgerWriter:
    """Return the ledger's writer, at work; at the end it writes what still waits."""
    settings, metrics = opening.settings, opening.metrics.ledger
    opening.beside(LedgerSafety(opening.link(deadline_s=LEDGER_DEADLINE_S), metrics).run())
    writer = LedgerWriter(
        opening.link(deadline_s=LEDGER_DEADLINE_S),
        metrics,
        retention=Retention(settings.ledger_days, settings.ledger_entries, settings.usage_days),
        capacity=settings.ledger_buffer_records,
    )
    opening.stack.push_async_callback(writer.flush, settings.ledger_flush_s)
    opening.beside(writer.run())
    return writer


def _spans(opening: Opening) -> SpanExport | None:
    """Return the way of spans to the collector, or None where nothing is traced."""
    settings = opening.settings
    if settings.traces_endpoint is None:
        return None
    complaints, seldom = logging.getLogger(trace_exporter.__name__), Seldom()
    complaints.addFilter(seldom)
    opening.stack.callback(complaints.removeFilter, seldom)
    export = SpanExport(_exporter(settings.traces_endpoint), opening.metrics.traces, capacity=settings.traces_buffer)
    opening.stack.push_async_callback(export.aclose)
    return export


def _exporter(endpoint: str) -> SpanExporter:
    """Return what sends to a collector; OpenTelemetry's own variables have a say in how.

    Raises:
        ValueError: They make no sense.
    """
    try:
        return trace_exporter.OTLPSpanExporter(endpoint)
    except Exception as error:  # whatever a library says of a setting, the start ends with one line
        raise ValueError(
            f"traces cannot be sent: {error}; correct FAIRLEAD_GATEWAY_TRACES_ENDPOINT or the variables OTEL_*"
        ) from error


def _traces(opening: Opening) -> Traces:
    settings = opening.settings
    limited = opening.metrics.traces.limited
    return Traces(ratio=settings.traces_ratio, per_s=settings.traced_requests, on_limited=limited)


def _sender(opening: Opening) -> Sender:
    settings, metrics = opening.settings, opening.metrics
    pool = UpstreamPool(
        opening.deadlines,
        connect_timeout_s=settings.connect_timeout_s,
        idle_s=settings.upstream_idle_s,
        on_retry=metrics.retried,
        on_retry_refused=metrics.retry_refused,
        retries=RetryRules(settings.retry_share),
    )
    opening.stack.callback(pool.close)
    times = UpstreamTimes(settings.first_byte_timeout_s, settings.idle_timeout_s, settings.longest_stream_s)
    return Sender(pool, hop_root=read_token_key(settings.hop_key_file), times=times)


def _authenticator(opening: Opening, tenants: TenantDirectory) -> Authenticator:
    settings = opening.settings
    return Authenticator(
        TokenVerifier(_issuers(opening)),
        KeyRing(opening.config.keys, opening.pepper),
        tenants,
        attempts=FailedAttempts(
            settings.failed_attempts_per_minute,
            trusted=settings.trusted_proxies,
            on_failure=opening.metrics.unauthenticated,
            on_stranger=opening.metrics.untrusted_forwarded,
        ),
    )


def _issuers(opening: Opening) -> IssuerDirectory:
    settings, metrics = opening.settings, opening.metrics
    rules = TokenRules(issuer=settings.issuer, audience=settings.audience, admins=True)
    local = local_issuer(read_token_key(settings.jwt_key_file), rules)
    opener = source_opener(on_fetched=metrics.jwks_fetched, on_read=metrics.config_read)
    issuers = IssuerDirectory(local, opening.config.declared_issuers, opener)
    opening.stack.callback(issuers.close)
    opening.beside(issuers.watch())
    return issuers


def _resilience(opening: Opening, sender: Sender) -> Resilience:
    settings, metrics = opening.settings, opening.metrics
    breaker = BreakerRules(settings.breaker_failures, settings.breaker_pause_s)
    rules = HoldRules(settings.hold_stream_s, settings.hold_whole_s, settings.held_requests)
    return Resilience(
        flights=Flights(followers=settings.shared_waiters),
        doors=Doors(DoorRules(settings.running_requests, breaker), on_circuit=metrics.circuit),
        holding=Holding(sender.knock, rules, on_held=metrics.held),
        heartbeats=Heartbeats(opening.deadlines, silence_s=settings.stream_silence_s),
        longest_s=settings.longest_stream_s,
    )
