import pytest
from prometheus_client import generate_latest

from fairlead_gateway.metrics import GatewayMetrics
from fairlead_gateway.usage import Usage
from tests.support.exposition import Exposition


@pytest.fixture
def metrics() -> GatewayMetrics:
    return GatewayMetrics()


def page(metrics: GatewayMetrics) -> Exposition:
    return Exposition(generate_latest(metrics.registry).decode())


def test_a_finished_request_is_counted_with_its_tokens_and_times(metrics: GatewayMetrics) -> None:
    """One call feeds every metric of a request."""
    call = metrics.call("demo", "/v1/chat/completions", "acme")
    call.started()
    assert page(metrics).total("fairlead_request_running", model="demo") == 1
    call.finished(200, duration_s=1.5, ttft_s=0.2, usage=Usage(10, 20, 5))
    shown = page(metrics)
    labels = {"model": "demo", "tenant": "acme"}
    assert shown.total("fairlead_request_total", code="200", route="/v1/chat/completions", **labels) == 1
    assert shown.total("fairlead_request_running") == 0
    assert shown.total("fairlead_request_duration_seconds_sum") == 1.5
    assert shown.total("fairlead_request_ttft_seconds_sum") == 0.2
    tokens = [shown.total(f"fairlead_request_{kind}_tokens_total", **labels) for kind in ("input", "output", "cached")]
    assert tokens == [10, 20, 5]


def test_streams_have_times_of_their_own(metrics: GatewayMetrics) -> None:
    """The first byte of a stream is not the first byte of a whole answer, and only a stream has gaps between tokens."""
    call = metrics.call("demo", "/v1/messages", "acme")
    call.finished(200, duration_s=2.5, ttft_s=0.5, usage=Usage(10, 21), stream=True)
    call.finished(200, duration_s=2.5, ttft_s=2.5, usage=Usage(10, 21))
    call.finished(200, duration_s=0.5, ttft_s=0.5, usage=Usage(10, 1), stream=True)
    shown = page(metrics)
    assert shown.total("fairlead_request_ttft_seconds_sum", streaming="true") == 1
    assert shown.total("fairlead_request_ttft_seconds_sum", streaming="false") == 2.5
    assert shown.total("fairlead_request_streaming_itl_seconds_sum", model="demo") == 0.1
    assert shown.total("fairlead_request_streaming_itl_seconds_count") == 1


def test_a_request_without_an_answer_has_no_time_to_first_byte(metrics: GatewayMetrics) -> None:
    """What never happened is not observed as zero."""
    call = metrics.call("demo", "/v1/responses", "acme")
    call.started()
    call.finished(503, duration_s=0.1, ttft_s=None, usage=None)
    assert page(metrics).total("fairlead_request_ttft_seconds_count") == 0
    assert page(metrics).total("fairlead_request_total", code="503") == 1


def test_the_bound_metrics_of_a_call_are_the_same_object(metrics: GatewayMetrics) -> None:
    """The hot path looks no label up."""
    assert metrics.call("demo", "/v1/messages", "acme") is metrics.call("demo", "/v1/messages", "acme")


def test_tenants_beyond_the_bound_are_counted_together() -> None:
    """The number of time series does not grow with the number of tenants."""
    metrics = GatewayMetrics(max_tenants=3)
    for number in range(10):
        call = metrics.call("demo", "/v1/messages", f"tenant-{number}")
        call.started()
        call.finished(200, duration_s=0, ttft_s=None, usage=None)
    shown = page(metrics).select("fairlead_request_total")
    assert len(shown) == 4
    assert page(metrics).total("fairlead_request_total", tenant="other") == 7


def test_costs_are_summed_to_the_billionth(metrics: GatewayMetrics) -> None:
    """A thousand costs sum up without an error of rounding, and what has no price is not there."""
    call = metrics.call("demo", "/v1/messages", "acme")
    for _ in range(1000):
        call.finished(200, duration_s=0, ttft_s=None, usage=None, cost=100_000_001)
    metrics.call("free", "/v1/messages", "acme").finished(200, duration_s=0, ttft_s=None, usage=None, cost=None)
    assert page(metrics).total("fairlead_cost_total", model="demo", tenant="acme") == 100.000001
    assert page(metrics).select("fairlead_cost_total", model="free") == []


def test_a_refused_request_is_counted_for_whom_it_concerns(metrics: GatewayMetrics) -> None:
    """A refusal carries model and tenant as far as they were known."""
    metrics.refused("/v1/messages", 429, model="demo", tenant="acme")
    metrics.refused("/v1/messages", 404, tenant="acme")
    shown = page(metrics)
    assert shown.total("fairlead_request_total", code="429", model="demo", tenant="acme") == 1
    assert shown.total("fairlead_request_total", code="404", model="none", tenant="acme") == 1


def test_what_happens_beside_requests_is_counted(metrics: GatewayMetrics) -> None:
    """Refusals, cache, limiter, files and retries each have their metric."""
    metrics.refused("/v1/messages", 401)
    metrics.limited("tenant", "tokens")
    metrics.cache("hit")
    metrics.limiter_up(True)
    metrics.config_read("tenants.yaml", False)
    metrics.retried("demo")
    shown = page(metrics)
    assert shown.total("fairlead_request_total", code="401", model="none", tenant="none") == 1
    assert shown.total("fairlead_ratelimit_rejected_total", scope="tenant", unit="tokens") == 1
    assert shown.total("fairlead_cache_lookups_total", result="hit") == 1
    assert shown.total("fairlead_limiter_up") == 1
    assert shown.total("fairlead_config_reloads_total", file="tenants.yaml", result="failed") == 1
    assert shown.total("fairlead_upstream_retries_total", model="demo") == 1
