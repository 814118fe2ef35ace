"""The gateway's metrics: every name once, every label bounded, no look-up by label on the hot path.

Models come from the catalog and tenants from the tenants file, never from a request; past a thousand tenants the rest
are counted together.
"""

from collections.abc import Callable
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from fairlead_contract import telemetry
from fairlead_gateway.ledger_metrics import CostMetric, LedgerMetrics
from fairlead_gateway.trace_metrics import TraceMetrics
from fairlead_gateway.usage import Usage

MAX_TENANTS = 1000
OTHER = "other"
NONE = "none"

DURATION_BUCKETS_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
ITL_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
TTFT_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


@dataclass(frozen=True, slots=True)
class CallMetrics:
    """The metrics of one (model, endpoint, tenant), bound once."""

    requests: Counter
    labels: tuple[str, str, str]
    by_code: dict[int, Counter]
    duration: Histogram
    ttft_streamed: Histogram
    ttft_whole: Histogram
    itl: Histogram
    running: Gauge
    input_tokens: Counter
    output_tokens: Counter
    cached_tokens: Counter
    audio_seconds: Counter
    cost: CostMetric

    def started(self) -> None:
        """Count a request that begins to run."""
        self.running.inc()

    def finished(
        self,
        code: int,
        *,
        duration_s: float,
        ttft_s: float | None,
        usage: Usage | None,
        cost: int | None = None,
        stream: bool = False,
    ) -> None:
        """Count a request that has ended.

        Args:
            code: The HTTP status that the client saw.
            duration_s: Seconds from the request to the end of the answer.
            ttft_s: Seconds until the first byte of the answer, where there was one.
            usage: Tokens that the engine counted, where it did.
            cost: What they cost in billionths of the currency, where the model has a price.
            stream: Whether the answer was streamed.
        """
        self.running.dec()
        counter = self.by_code.get(code)
        if counter is None:
            model, route, tenant = self.labels
            counter = self.by_code[code] = self.requests.labels(model, route, str(code), tenant)
        counter.inc()
        self.duration.observe(duration_s)
        if ttft_s is not None:
            (self.ttft_streamed if stream else self.ttft_whole).observe(ttft_s)
            if stream and usage is not None and usage.completion_tokens > 1:
                self.itl.observe((duration_s - ttft_s) / (usage.completion_tokens - 1))
        if usage is not None:
            self.input_tokens.inc(usage.prompt_tokens)
            self.output_tokens.inc(usage.completion_tokens)
            if usage.cached_tokens:
                self.cached_tokens.inc(usage.cached_tokens)
            if usage.audio_seconds:
                self.audio_seconds.inc(usage.audio_seconds)
        if cost is not None:
            model, _, tenant = self.labels
            self.cost.add(model, tenant, cost)


class GatewayMetrics:
    """All metrics of a gateway, in a registry of its own."""

    def __init__(self, *, max_tenants: int = MAX_TENANTS) -> None:
        self.registry = CollectorRegistry()
        self._max_tenants = max_tenants
        self._requests = self._counter(
            telemetry.GATEWAY_REQUESTS, "Requests answered", ("model", "route", "code", "tenant")
        )
        self._duration = self._histogram(
            telemetry.GATEWAY_DURATION_SECONDS, "Seconds from request to end of answer", DURATION_BUCKETS_S
        )
        self._ttft = self._histogram(
            telemetry.GATEWAY_TTFT_SECONDS, "Seconds from request to first byte of answer", TTFT_BUCKETS_S, "streaming"
        )
        self._itl = self._histogram(
            telemetry.GATEWAY_ITL_SECONDS, "Mean seconds between the tokens of a stream", ITL_BUCKETS_S
        )
        self._running = Gauge(telemetry.GATEWAY_RUNNING, "Requests running now", ("model",), registry=self.registry)
        per_tenant = ("model", "tenant")
        self._input = self._counter(telemetry.GATEWAY_INPUT_TOKENS, "Prompt tokens", per_tenant)
        self._output = self._counter(telemetry.GATEWAY_OUTPUT_TOKENS, "Generated tokens", per_tenant)
        self._cached = self._counter(
            telemetry.GATEWAY_CACHED_TOKENS, "Prompt tokens that the engine had in its prefix cache", per_tenant
        )
        self._audio = self._counter(
            telemetry.GATEWAY_AUDIO_SECONDS, "Seconds of sound that were transcribed or translated", per_tenant
        )
        self._cost = CostMetric(self.registry)
        self.ledger = LedgerMetrics(self.registry)
        self.traces = TraceMetrics(self.registry)
        self._limited = self._counter(telemetry.GATEWAY_LIMITED, "Requests refused by a limit", ("scope", "unit"))
        self._cache = self._counter(telemetry.GATEWAY_CACHE, "Look-ups in the response cache", ("result",))
        self._cache_by_result: dict[str, Counter] = {}
        self._limiter_up = Gauge(
            telemetry.GATEWAY_LIMITER_UP,
            "1 while Redis answers, 0 while limits follow the policy without it",
            registry=self.registry,
        )
        self._limiter_up.set(1)
        self._reloads = self._counter(telemetry.GATEWAY_CONFIG_RELOADS, "Readings of watched files", ("file", "result"))
        self._retries = self._counter(
            telemetry.GATEWAY_UPSTREAM_RETRIES, "Requests sent again before the first byte", ("model",)
        )
        self._jwks = self._counter(
            telemetry.GATEWAY_JWKS_FETCHES, "Attempts to fetch an issuer's keys", ("issuer", "result")
        )
        self._retries_refused = self._counter(
            telemetry.GATEWAY_RETRIES_REFUSED, "Requests not sent again, for the retry budget was spent", ("model",)
        )
        self._circuit = Gauge(
            telemetry.GATEWAY_CIRCUIT_OPEN,
            "1 while a model's requests are refused because it failed, else 0",
            ("model",),
            registry=self.registry,
        )
        self._held = Gauge(
            telemetry.GATEWAY_HELD, "Requests that wait for a model to start", ("model",), registry=self.registry
        )
        self._unauthenticated = self._counter(
            telemetry.GATEWAY_UNAUTHENTICATED, "Requests without valid credentials", ("result",)
        )
        watched = ("source", "namespace")
        self._watch_up = Gauge(
            telemetry.GATEWAY_WATCH_UP,
            "1 while changes in the cluster are seen as they happen, 0 while what is known stays in force",
            watched,
            registry=self.registry,
        )
        self._lists = self._counter(telemetry.GATEWAY_LISTS, "Lists of what is watched", (*watched, "result"))
        self._models = Gauge(
            telemetry.GATEWAY_MODELS, "ModelDeployments in the watched namespaces", ("state",), registry=self.registry
        )
        self._body_bytes = Gauge(
            telemetry.GATEWAY_BODY_BYTES, "Bytes of requests' bodies that are held now", registry=self.registry
        )
        self._bodies_refused = self._counter(
            telemetry.GATEWAY_BODIES_REFUSED, "Requests whose bodies there was no memory for", ()
        )
        self._untrusted_forwarded = self._counter(
            telemetry.GATEWAY_UNTRUSTED_FORWARDED,
            "Failures to authenticate that came through a proxy that is not trusted",
            (),
        )
        self._calls: dict[tuple[str, str, str], CallMetrics] = {}
        self._tenants: set[str] = set()

    def call(self, model: str, route: str, tenant: str) -> CallMetrics:
        """Return the bound metrics of a model, an endpoint's path and a tenant; the same object every time."""
        key = (model, route, self._bounded(tenant))
        found = self._calls.get(key)
        if found is None:
            found = self._calls[key] = self._bind(*key)
        return found

    def refused(self, route: str, code: int, *, model: str = "", tenant: str = "") -> None:
        """Count a request that did not run; model and tenant are "" where they were not known yet."""
        shown = self._bounded(tenant) if tenant else NONE
        self._requests.labels(model or NONE, route, str(code), shown).inc()

    def limited(self, scope: str, unit: str) -> None:
        """Count a request that a limit refused; scope is tenant, key or model, unit is one of `buckets.KINDS`."""
        self._limited.labels(scope, unit).inc()

    def cache(self, result: str) -> None:
        """Count a look-up in the response cache: hit, shared, miss, bypass or foreign."""
        counter = self._cache_by_result.get(result)
        if counter is None:
            counter = self._cache_by_result[result] = self._cache.labels(result)
        counter.inc()

    def limiter_up(self, up: bool) -> None:  # noqa: FBT001 - the limiter's callback
        """Tell whether Redis answers."""
        self._limiter_up.set(1 if up else 0)

    def config_read(self, name: str, ok: bool) -> None:  # noqa: FBT001 - the watcher's callback
        """Count a reading of a watched file, or of what stands in a file's place in a cluster."""
        self._reloads.labels(name, "ok" if ok else "failed").inc()

    def jwks_fetched(self, issuer: str, ok: bool) -> None:  # noqa: FBT001 - the key source's callback
        """Count an attempt to fetch an issuer's keys; issuers are those of the issuers file."""
        self._jwks.labels(issuer, "ok" if ok else "failed").inc()

    def retried(self, model: str) -> None:
        """Count a request that was sent to another replica before its first byte."""
        self._retries.labels(model).inc()

    def retry_refused(self, model: str) -> None:
        """Count a request that was not sent again because the budget was spent."""
        self._retries_refused.labels(model).inc()

    def circuit(self, model: str, is_open: bool) -> None:  # noqa: FBT001 - the doors' callback
        """Tell whether a model's circuit is open."""
        self._circuit.labels(model).set(1 if is_open else 0)

    def held(self, model: str, count: int) -> None:
        """Tell how many requests are held for a model."""
        self._held.labels(model).set(count)

    def unauthenticated(self, too_many: bool) -> None:  # noqa: FBT001 - the authenticator's callback
        """Count a request without valid credentials, and whether its address has sent too many."""
        self._unauthenticated.labels("limited" if too_many else "refused").inc()

    def listed(self, source: str, namespace: str, ok: bool) -> None:  # noqa: FBT001 - a follower's callback
        """Count an attempt to list what is watched; source is routes, tenants or api-keys, namespace `*` for all."""
        self._lists.labels(source, namespace, "ok" if ok else "failed").inc()

    def followed(self, source: str, namespace: str, up: bool) -> None:  # noqa: FBT001 - a follower's callback
        """Tell whether changes in the cluster are seen as they happen."""
        self._watch_up.labels(source, namespace).set(1 if up else 0)

    def models(self, routed: int, refused: int) -> None:
        """Tell how many ModelDeployments have a route, and how many have none, for the contract refuses them."""
        self._models.labels("routed").set(routed)
        self._models.labels("refused").set(refused)

    def untrusted_forwarded(self) -> None:
        """Count a failure to authenticate whose sender's address a proxy tells that is not trusted."""
        self._untrusted_forwarded.inc()

    def body_refused(self) -> None:
        """Count a request whose body there was no memory for."""
        self._bodies_refused.inc()

    def watch_bodies(self, held_bytes: Callable[[], int]) -> None:
        """Show what requests' bodies hold whenever somebody looks, for it changes with each request."""
        self._body_bytes.set_function(held_bytes)

    def render(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(self.registry)

    def _bind(self, model: str, route: str, tenant: str) -> CallMetrics:
        return CallMetrics(
            requests=self._requests,
            labels=(model, route, tenant),
            by_code={},
            duration=self._duration.labels(model, route),
            ttft_streamed=self._ttft.labels(model, route, "true"),
            ttft_whole=self._ttft.labels(model, route, "false"),
            itl=self._itl.labels(model, route),
            running=self._running.labels(model),
            input_tokens=self._input.labels(model, tenant),
            output_tokens=self._output.labels(model, tenant),
            cached_tokens=self._cached.labels(model, tenant),
            audio_seconds=self._audio.labels(model, tenant),
            cost=self._cost,
        )

    def _bounded(self, tenant: str) -> str:
        if tenant not in self._tenants:
            if len(self._tenants) >= self._max_tenants:
                return OTHER
            self._tenants.add(tenant)
        return tenant

    def _counter(self, name: str, help_text: str, labels: tuple[str, ...]) -> Counter:
        return Counter(name, help_text, labels, registry=self.registry)

    def _histogram(self, name: str, help_text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(name, help_text, ("model", "route", *labels), buckets=buckets, registry=self.registry)
