"""Where traces go, as the standard variables say it."""

import pytest

from fairlead_contract.tracing import engine_tracing, traces_endpoint, traces_ratio, without_tracing

SHARED = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318/"}


@pytest.mark.parametrize(
    "environment, endpoint",
    [
        ({}, None),
        (SHARED, "http://collector:4318/v1/traces"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "https://c/otlp"}, "https://c/otlp/v1/traces"),
        (SHARED | {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://own/t"}, "http://own/t"),
        (SHARED | {"OTEL_SDK_DISABLED": "TRUE"}, None),
        (SHARED | {"OTEL_TRACES_EXPORTER": "none"}, None),
        (SHARED | {"OTEL_TRACES_EXPORTER": "otlp"}, "http://collector:4318/v1/traces"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": " "}, None),
    ],
)
def test_the_endpoint(environment: dict[str, str], endpoint: str | None) -> None:
    """The name for traces counts before the general one, which gets the path behind it; tracing can be off."""
    assert traces_endpoint(environment) == endpoint


@pytest.mark.parametrize(
    "environment, ratio",
    [
        ({}, "0.01"),
        ({"OTEL_TRACES_SAMPLER_ARG": "0.5"}, "0.5"),
        ({"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.2"}, "0.2"),
        ({"OTEL_TRACES_SAMPLER": "parentbased_always_on", "OTEL_TRACES_SAMPLER_ARG": "0.2"}, "1"),
        ({"OTEL_TRACES_SAMPLER": "always_off"}, "0"),
        ({"OTEL_TRACES_SAMPLER_ARG": "much"}, "much"),
        ({"OTEL_TRACES_SAMPLER": "jaeger_remote", "OTEL_TRACES_SAMPLER_ARG": "endpoint=http://x"}, "0.01"),
    ],
)
def test_the_ratio(environment: dict[str, str], ratio: str) -> None:
    """A ratio is what the sampler's argument says, unless the sampler says it; it is not judged here."""
    assert traces_ratio(environment) == ratio


def test_engines_send_to_the_same_place() -> None:
    """Engines get the endpoint and what an exporter needs for it, under the names that are for traces alone."""
    told = engine_tracing(
        SHARED
        | {
            "OTEL_EXPORTER_OTLP_HEADERS": "authorization=a",
            "OTEL_EXPORTER_OTLP_TIMEOUT": "5",
            "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT": "7",
            "OTEL_BSP_SCHEDULE_DELAY": "100",
            "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment=test",
            "OTEL_SERVICE_NAME": "mine",
            "HOME": "/root",
        }
    )
    assert told == {
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector:4318/v1/traces",
        "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf",
        "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "authorization=a",
        "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT": "7",
        "OTEL_BSP_SCHEDULE_DELAY": "100",
        "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment=test",
        "OTEL_TRACES_SAMPLER": "parentbased_always_off",
    }


def test_engines_decide_nothing() -> None:
    """Whatever share the gateway records, an engine records what it is told to and nothing of its own."""
    told = engine_tracing(SHARED | {"OTEL_TRACES_SAMPLER": "always_on", "OTEL_TRACES_SAMPLER_ARG": "1"})
    assert told["OTEL_TRACES_SAMPLER"] == "parentbased_always_off"
    assert "OTEL_TRACES_SAMPLER_ARG" not in told


def test_without_an_endpoint_engines_are_told_nothing() -> None:
    """Where nothing is traced no variable of OpenTelemetry is set."""
    assert engine_tracing({"OTEL_BSP_SCHEDULE_DELAY": "100", "OTEL_EXPORTER_OTLP_HEADERS": "a=b"}) == {}
    assert without_tracing(SHARED | {"HOME": "/root"}) == {"HOME": "/root"}
