"""The trace that a request belongs to, as W3C Trace Context tells it (https://www.w3.org/TR/trace-context-2/).

What a client says is taken where it is exactly what the specification allows, and passed on in our own words: version
00, no flag but `sampled`, at most 512 bytes of state. Anything else is as if it had not been sent.
"""

import re
from dataclasses import dataclass, replace
from typing import Final

from fairlead_gateway.headers import Headers, first, values

MAX_STATE_BYTES: Final = 512
MAX_STATE_MEMBERS: Final = 32
_SAMPLED: Final = 0x01

_PARENT: Final = re.compile(
    rb"(?P<version>(?!ff)[0-9a-f]{2})-(?P<trace>(?!0{32})[0-9a-f]{32})-(?P<span>(?!0{16})[0-9a-f]{16})-"
    rb"(?P<flags>[0-9a-f]{2})(?P<more>-[\x20-\x7e]*)?"
)
_MEMBER: Final = re.compile(
    rb"(?P<key>[a-z0-9][a-z0-9_\-*/@]{0,255})=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]"
)


@dataclass(frozen=True, slots=True)
class TraceContext:
    """A place in a trace.

    Attributes:
        trace_id: 32 hex digits.
        span_id: 16 hex digits: whoever comes next is a child of this span.
        sampled: Whether the trace is recorded.
        state: What tracing systems tell one another, as a valid `tracestate`; "" where they do not.
    """

    trace_id: str
    span_id: str
    sampled: bool
    state: str = ""

    @property
    def headers(self) -> bytes:
        """The header lines that tell an upstream of it."""
        parent = f"traceparent: 00-{self.trace_id}-{self.span_id}-{'01' if self.sampled else '00'}\r\n"
        return (f"{parent}tracestate: {self.state}\r\n" if self.state else parent).encode("ascii")

    def unsampled(self) -> "TraceContext":
        """Return the same place in a trace that is not recorded from here on."""
        return replace(self, sampled=False)


def trace_context_of(headers: Headers) -> TraceContext | None:
    """Return what a request's headers say of its trace; None where they say nothing, or nothing valid."""
    given = first(headers, b"traceparent")
    if given is None:
        return None
    match = _PARENT.fullmatch(given)
    if match is None or (match["version"] == b"00" and match["more"] is not None):
        return None
    return TraceContext(
        trace_id=match["trace"].decode("ascii"),
        span_id=match["span"].decode("ascii"),
        sampled=bool(int(match["flags"], 16) & _SAMPLED),
        state=_state(values(headers, b"tracestate")),
    )


def _state(given: list[bytes]) -> str:
    """Return a request's `tracestate` in one line, "" where it is not valid or too long."""
    line = b",".join(given)
    if not line or len(line) > MAX_STATE_BYTES:
        return ""
    members = [stripped for member in line.split(b",") if (stripped := member.strip(b" \t"))]
    keys = {match["key"] for member in members if (match := _MEMBER.fullmatch(member)) is not None}
    if len(members) > MAX_STATE_MEMBERS or len(keys) != len(members):
        return ""
    return b",".join(members).decode("ascii")
