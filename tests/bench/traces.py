"""What tracing costs a request, in processor time: `python -m tests.bench.traces`.

What a request pays on the event loop stands apart from what the background pays for its spans.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Final

import uvloop
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans

from fairlead_gateway.body_budget import BodyBudget
from fairlead_gateway.delivery import Delivery
from fairlead_gateway.endpoints import ENDPOINTS
from fairlead_gateway.http_head import parse_head
from fairlead_gateway.outcome import Outcome
from fairlead_gateway.record import Record
from fairlead_gateway.request import Body, Request
from fairlead_gateway.spans import resource, spans_of
from fairlead_gateway.trace_context import trace_context_of
from fairlead_gateway.traces import Traces
from fairlead_gateway.usage import Usage
from tests.gateway.builders import call, route

ROUNDS: Final = 7
CALLS: Final = 20_000
PATH: Final = "/v1/chat/completions"
ENDPOINT: Final = ENDPOINTS[PATH]
PARENT: Final = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
WITHOUT: Final = f"POST {PATH} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer x\r\nContent-Type: application/json\r\n\r\n"
WITH: Final = WITHOUT.removesuffix("\r\n") + f"traceparent: {PARENT}\r\ntracestate: vendor=1\r\n\r\n"


def request(head: str = WITHOUT) -> Request:
    parsed = parse_head(head.encode())
    received_at = asyncio.get_running_loop().time()
    return Request(parsed, Body(0, limit_bytes=1, budget=BodyBudget(10_000)), peer="h", received_at=received_at)


def traces(ratio: float) -> Traces:
    return Traces(ratio=ratio, per_s=10**9, on_limited=lambda: None)


def off() -> Callable[[], object]:
    """A gateway that traces nothing asks in six places of a request's way whether it does."""
    places: tuple[Traces | None, ...] = (None,) * 6

    def one() -> None:
        for place in places:
            if place is not None:
                return

    return one


def not_recorded() -> Callable[[], object]:
    decided, asked = traces(0), request()
    return lambda: decided.begin(ENDPOINT, asked)


def recorded() -> Callable[[], object]:
    """All that a recorded request does on the event loop: begin, one sending, its end."""
    decided, asked, parsed, there = traces(1), request(), call(), route()
    delivery = Delivery(outcome=Outcome.COMPLETED, first_byte_at=asked.received_at)

    def one() -> object:
        asked.trace_context = None
        trace = decided.begin(ENDPOINT, asked)
        assert trace is not None
        attempt = trace.attempt(parsed, there)
        headers = attempt.context.headers
        attempt.end(200, "", delivery)
        return headers

    return one


def background() -> Callable[[], object]:
    """What the export's thread does with one recorded request: two spans, packed."""
    decided, asked, about = traces(1), request(), resource()
    trace = decided.begin(ENDPOINT, asked)
    assert trace is not None
    delivery = Delivery(outcome=Outcome.COMPLETED, first_byte_at=asked.received_at)
    trace.attempt(call(), route()).end(200, "", delivery)
    record = Record("req_1", PATH, tenant="acme", model="demo", status=200, usage=Usage(7, 3), trace=trace)
    return lambda: encode_spans(spans_of(record, trace, about)).SerializePartialToString()


def header(head: str) -> Callable[[], object]:
    parsed = parse_head(head.encode())
    return lambda: trace_context_of(parsed.headers)


def cpu_us(one: Callable[[], object], calls: int) -> float:
    """Return the processor time of one call in microseconds, of the best round."""
    best = float("inf")
    for _ in range(ROUNDS):
        begun = time.process_time()
        for _ in range(calls):
            one()
        best = min(best, time.process_time() - begun)
    return best / calls * 1e6


async def main() -> None:
    empty = cpu_us(lambda: None, CALLS)
    for name, one, calls in (
        ("tracing off", off(), CALLS),
        ("a request without traceparent is read", header(WITHOUT), CALLS),
        ("a request with traceparent and tracestate is read", header(WITH), CALLS),
        ("not recorded", not_recorded(), CALLS),
        ("recorded, on the event loop", recorded(), CALLS),
        ("recorded, in the background", background(), CALLS // 20),
    ):
        print(f"{name:52} {max(cpu_us(one, calls) - empty, 0):8.2f} us")


if __name__ == "__main__":
    uvloop.run(main())
