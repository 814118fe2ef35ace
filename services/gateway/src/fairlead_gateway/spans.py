"""From what is known of a request that is over to OpenTelemetry's spans.

A request is a SERVER span; each sending to its model is a CLIENT span below it, named and described by OpenTelemetry's
conventions for generative AI (https://github.com/open-telemetry/semantic-conventions-genai). What was asked and what
was answered is in none of them, nor is a token, a key or a person.
"""

from collections.abc import Iterator
from typing import Final, TypeAlias

from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

from fairlead_gateway.outcome import Outcome
from fairlead_gateway.record import CLIENT_LEFT, Record
from fairlead_gateway.trace_context import TraceContext
from fairlead_gateway.traces import Attempt, RequestTrace
from fairlead_gateway.usage import Usage

Attributes: TypeAlias = dict[str, str | bool | int | float]

SERVICE: Final = "fairlead-gateway"
PROVIDER: Final = "vllm"
_SCOPE: Final = InstrumentationScope("fairlead_gateway")
_NS_PER_S: Final = 1_000_000_000
_FIRST_ERROR: Final = 400
_FIRST_FAULT: Final = 500
_OPERATIONS: Final = {
    "chat": "chat",
    "responses": "chat",
    "messages": "chat",
    "completions": "text_completion",
}
"""The conventions' names of what endpoints do, by their kind; the others' own name serves."""


def resource() -> Resource:
    """Return what all spans of this process have in common; the standard variables add to it and overrule it."""
    return Resource({"service.name": SERVICE}).merge(OTELResourceDetector().detect())


def span_count(trace: RequestTrace) -> int:
    """Return how many spans a request becomes."""
    return 1 + sum(1 + len(attempt.earlier) for attempt in trace.attempts)


def spans_of(record: Record, trace: RequestTrace, about: Resource) -> list[ReadableSpan]:
    """Return the spans of a request that is over: its own, then those of its sendings in order."""
    began_ns = int(record.at_s * _NS_PER_S)
    operation = _operation(trace)

    def span(
        name: str,
        context: TraceContext,
        parent: TraceContext | None,
        *,
        kind: SpanKind,
        between_s: tuple[float, float],
        attributes: Attributes,
        failed: bool,
    ) -> ReadableSpan:
        start_ns, end_ns = (began_ns + int(after_s * _NS_PER_S) for after_s in between_s)
        return ReadableSpan(
            name,
            context=_span_context(context, is_remote=False),
            parent=None if parent is None else _span_context(parent, is_remote=parent is trace.parent),
            resource=about,
            attributes=attributes,
            kind=kind,
            status=Status(StatusCode.ERROR if failed else StatusCode.UNSET),
            start_time=start_ns,
            end_time=end_ns,
            instrumentation_scope=_SCOPE,
        )

    own = span(
        f"POST {record.path}",
        trace.context,
        trace.parent,
        kind=SpanKind.SERVER,
        between_s=(0, record.duration_s),
        attributes=_of_request(record, trace, operation),
        failed=_failed(record),
    )
    sendings = (
        span(
            f"{operation} {attempt.route.served_name}",
            attempt.context,
            trace.context,
            kind=SpanKind.CLIENT,
            between_s=(attempt.begun_at - trace.received_at, attempt.ended_at - trace.received_at),
            attributes=_of_attempt(attempt, record, operation, number),
            failed=bool(attempt.error),
        )
        for number, attempt in enumerate(_flat(trace))
    )
    return [own, *sendings]


def _flat(trace: RequestTrace) -> Iterator[Attempt]:
    for attempt in trace.attempts:
        yield from attempt.earlier
        yield attempt


def _operation(trace: RequestTrace) -> str:
    return _OPERATIONS.get(trace.endpoint.kind, trace.endpoint.kind)


def _of_request(record: Record, trace: RequestTrace, operation: str) -> Attributes:
    attributes: Attributes = {
        "http.request.method": "POST",
        "http.route": record.path,
        "url.path": record.path,
        "url.scheme": "http",
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": PROVIDER,
        "fairlead.request_id": record.request_id,
        "fairlead.tenant": record.tenant,
        "fairlead.outcome": record.outcome.value,
        "fairlead.cache": record.cache.value,
    }
    if record.model:
        attributes["gen_ai.request.model"] = trace.model
        attributes["fairlead.model"] = record.model
        attributes["gen_ai.request.stream"] = record.stream
        attributes["fairlead.revision"] = record.revision
    if record.status != CLIENT_LEFT:
        attributes["http.response.status_code"] = record.status
    if record.error_code:
        attributes["error.type"] = record.error_code
    if record.queue_s is not None:
        attributes["fairlead.queue_seconds"] = record.queue_s
    if record.first_byte_s is not None and record.stream:
        attributes["gen_ai.response.time_to_first_chunk"] = record.first_byte_s
    return attributes | _of_usage(record.usage)


def _of_attempt(attempt: Attempt, record: Record, operation: str, number: int) -> Attributes:
    asked, route = attempt.asked, attempt.route
    attributes: Attributes = {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": PROVIDER,
        "gen_ai.request.model": route.served_name,
        "gen_ai.request.stream": asked.stream,
        "server.address": route.upstream_host,
        "server.port": route.upstream_port,
        "http.request.method": "POST",
        "fairlead.model": route.identity,
        "fairlead.outcome": attempt.outcome.value,
    }
    if asked.max_output_tokens is not None:
        attributes["gen_ai.request.max_tokens"] = asked.max_output_tokens
    if asked.choices != 1:
        attributes["gen_ai.request.choice.count"] = asked.choices
    if number:
        attributes["http.request.resend_count"] = number
    if attempt.status:
        attributes["http.response.status_code"] = attempt.status
    if attempt.error:
        attributes["error.type"] = attempt.error
    if attempt.first_byte_at is None:
        return attributes
    attributes["gen_ai.response.model"] = route.served_name
    if asked.stream:
        attributes["gen_ai.response.time_to_first_chunk"] = attempt.first_byte_at - attempt.begun_at
    return attributes | _of_usage(record.usage)


def _of_usage(usage: Usage | None) -> Attributes:
    if usage is None:
        return {}
    return {
        "gen_ai.usage.input_tokens": usage.prompt_tokens,
        "gen_ai.usage.output_tokens": usage.completion_tokens,
        "gen_ai.usage.cache_read.input_tokens": usage.cached_tokens,
    }


def _failed(record: Record) -> bool:
    """Return whether the gateway failed; that a request was wrong or its client left is no failure of the gateway."""
    if record.status >= _FIRST_FAULT:
        return True
    return record.outcome is Outcome.FAILED and not _FIRST_ERROR <= record.status < CLIENT_LEFT


def _span_context(context: TraceContext, *, is_remote: bool) -> SpanContext:
    return SpanContext(
        trace_id=int(context.trace_id, 16),
        span_id=int(context.span_id, 16),
        is_remote=is_remote,
        trace_flags=TraceFlags(TraceFlags.SAMPLED),
        trace_state=TraceState.from_header([context.state]) if context.state else TraceState(),
    )
