"""Where traces go, as OpenTelemetry's standard variables say it: read alike for the gateway and for engines.

An environment is passed in; what comes out of it is the same for one process and for all that the platform starts.
"""

from collections.abc import Mapping
from typing import Final

TRACES_ENDPOINT: Final = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
OTLP: Final = "OTEL_EXPORTER_OTLP_"
PREFIX: Final = "OTEL_"
DEFAULT_RATIO: Final = "0.01"
"""The share of requests that is recorded where nobody says: enough to see a busy gateway by, and nearly free."""

_EXPORTER_OPTIONS: Final = ("HEADERS", "CERTIFICATE", "CLIENT_CERTIFICATE", "CLIENT_KEY", "TIMEOUT", "COMPRESSION")
_RATIO_OF_SAMPLER: Final[Mapping[str, str]] = {
    "always_on": "1",
    "parentbased_always_on": "1",
    "always_off": "0",
    "parentbased_always_off": "0",
}


def traces_endpoint(environment: Mapping[str, str]) -> str | None:
    """Return the URL to which spans are sent by OTLP over HTTP, or None where there is none or tracing is off."""
    off = environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    if off or environment.get("OTEL_TRACES_EXPORTER", "").strip().lower() == "none":
        return None
    if own := environment.get(TRACES_ENDPOINT, "").strip():
        return own
    shared = environment.get(f"{OTLP}ENDPOINT", "").strip()
    return f"{shared.rstrip('/')}/v1/traces" if shared else None


def traces_ratio(environment: Mapping[str, str]) -> str:
    """Return the share of requests that is recorded where the client has not decided, as it is written."""
    sampler = environment.get("OTEL_TRACES_SAMPLER", "").strip().lower()
    if sampler and not sampler.endswith("traceidratio"):  # the argument of another sampler is no share
        return _RATIO_OF_SAMPLER.get(sampler, DEFAULT_RATIO)
    return environment.get("OTEL_TRACES_SAMPLER_ARG", "").strip() or DEFAULT_RATIO


def engine_tracing(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables by which engines send their spans to the same place; none where there is no place.

    Only names that are about traces come out of it: Ray's own metrics travel by OTLP as well, and would take headers
    and TLS from the general ones. Engines decide nothing: they record the requests that the gateway records.
    """
    endpoint = traces_endpoint(environment)
    if endpoint is None:
        return {}
    kept = {name: value for name, value in environment.items() if name.startswith("OTEL_BSP_")}
    if attributes := environment.get("OTEL_RESOURCE_ATTRIBUTES"):
        kept["OTEL_RESOURCE_ATTRIBUTES"] = attributes
    for option in _EXPORTER_OPTIONS:
        value = environment.get(f"{OTLP}TRACES_{option}") or environment.get(OTLP + option)
        if value:
            kept[f"{OTLP}TRACES_{option}"] = value
    return {
        **kept,
        TRACES_ENDPOINT: endpoint,
        f"{OTLP}TRACES_PROTOCOL": "http/protobuf",
        "OTEL_TRACES_SAMPLER": "parentbased_always_off",
    }


def without_tracing(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without any variable of OpenTelemetry."""
    return {name: value for name, value in environment.items() if not name.startswith(PREFIX)}
