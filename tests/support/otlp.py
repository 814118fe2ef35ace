"""A collector of traces: a real HTTP server that takes OTLP as any collector does, and keeps what it is sent."""

import gzip
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tests.support.waiting import eventually

SERVER, CLIENT = Span.SPAN_KIND_SERVER, Span.SPAN_KIND_CLIENT
UNSET, ERROR = Status.STATUS_CODE_UNSET, Status.STATUS_CODE_ERROR


@dataclass(frozen=True, slots=True)
class ReceivedSpan:
    """One span; ids in hex, a parent of "" where there is none."""

    name: str
    kind: int
    trace_id: str
    span_id: str
    parent: str
    state: str
    status: int
    began_ns: int
    ended_ns: int
    attributes: dict[str, object]
    resource: dict[str, object]


@dataclass
class OtlpReceiver:
    """What has arrived.

    Attributes:
        port: Where it listens, on the loopback address.
        raw: Every body, as it came.
        headers: The headers of each request, with lower-case names.
        answer: Called before each answer; returns its status.
    """

    port: int = 0
    spans: list[ReceivedSpan] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    answer: Callable[[], int] = lambda: 200

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.endpoint}/v1/traces"

    def of(self, trace_id: str) -> list[ReceivedSpan]:
        """Return the spans of one trace, in the order in which they began."""
        return sorted((span for span in self.spans if span.trace_id == trace_id), key=lambda span: span.began_ns)

    def wait_for(self, count: int, *, within_s: float = 20) -> list[ReceivedSpan]:
        """Wait until so many spans have come in all; return them in the order in which they began."""
        eventually(lambda: len(self.spans) >= count, within_s=within_s, what=f"{count} spans", pause_s=0.05)
        assert len(self.spans) == count, [span.name for span in self.spans]
        return sorted(self.spans, key=lambda span: span.began_ns)

    def take(self, path: str, headers: dict[str, str], body: bytes) -> int:
        assert path == "/v1/traces"
        assert headers["content-type"] == "application/x-protobuf"
        content = gzip.decompress(body) if headers.get("content-encoding") == "gzip" else body
        self.raw.append(content)
        self.headers.append(headers)
        status = self.answer()
        if status == 200:
            self.spans.extend(_spans(ExportTraceServiceRequest.FromString(content)))
        return status


@contextmanager
def running_receiver() -> Iterator[OtlpReceiver]:
    """Run a collector on a free port."""
    receiver = OtlpReceiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            status = receiver.take(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
            answer = ExportTraceServiceResponse().SerializeToString()
            self.send_response(status)
            self.send_header("content-type", "application/x-protobuf")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    receiver.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _spans(request: ExportTraceServiceRequest) -> Iterator[ReceivedSpan]:
    for group in request.resource_spans:
        resource = _plain(group.resource.attributes)
        for scope in group.scope_spans:
            for span in scope.spans:
                yield ReceivedSpan(
                    name=span.name,
                    kind=span.kind,
                    trace_id=span.trace_id.hex(),
                    span_id=span.span_id.hex(),
                    parent=span.parent_span_id.hex(),
                    state=span.trace_state,
                    status=span.status.code,
                    began_ns=span.start_time_unix_nano,
                    ended_ns=span.end_time_unix_nano,
                    attributes=_plain(span.attributes),
                    resource=resource,
                )


def _plain(attributes: "Iterator[KeyValue]") -> dict[str, object]:
    return {attribute.key: _value(attribute.value) for attribute in attributes}


def _value(value: AnyValue) -> object:
    kind = value.WhichOneof("value")
    return getattr(value, kind) if kind else None
