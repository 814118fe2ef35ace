"""What clients say of their traces."""

import pytest

from fairlead_gateway.headers import Headers
from fairlead_gateway.trace_context import MAX_STATE_BYTES, TraceContext, trace_context_of

TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"
PARENT = f"00-{TRACE}-{SPAN}-01"


def headers(parent: str, *states: str) -> Headers:
    return [(b"traceparent", parent.encode("latin-1")), *((b"tracestate", state.encode()) for state in states)]


def test_a_valid_context_is_taken() -> None:
    """Trace, span and decision are the client's."""
    assert trace_context_of(headers(PARENT)) == TraceContext(TRACE, SPAN, sampled=True)
    assert trace_context_of(headers(f"00-{TRACE}-{SPAN}-00")) == TraceContext(TRACE, SPAN, sampled=False)
    assert trace_context_of([]) is None


@pytest.mark.parametrize(
    "parent",
    [
        "",
        "00",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE[:-1]}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}0-01",
        f"00-{TRACE}-{SPAN}-1",
        f"00-{TRACE}-{SPAN}-zz",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"01-{TRACE}-{SPAN}-01more",
        f"00_{TRACE}_{SPAN}_01",
        f" {PARENT}",
        f"{PARENT}\xe9",
    ],
)
def test_an_invalid_context_is_none(parent: str) -> None:
    """What the specification forbids is as if it had not been sent, its state with it."""
    assert trace_context_of(headers(parent, "a=1")) is None


def test_a_later_version_is_read_as_far_as_it_is_known() -> None:
    """Of a version to come the known fields are taken, and passed on as version 00 without the rest."""
    context = trace_context_of(headers(f"cc-{TRACE}-{SPAN}-ff-what-the-future-holds"))
    assert context == TraceContext(TRACE, SPAN, sampled=True)
    assert context.headers == f"traceparent: {PARENT}\r\n".encode()


@pytest.mark.parametrize(
    "states, kept",
    [
        (["a=1"], "a=1"),
        (["a=1, b=2", "c=3"], "a=1,b=2,c=3"),
        (["a=1,,\t ,b=2"], "a=1,b=2"),
        (["vendor@system=x y", "0tenant@v=!"], "vendor@system=x y,0tenant@v=!"),
        (["a=1,a=2"], ""),
        (["A=1"], ""),
        (["a"], ""),
        (["a="], ""),
        (["a=b=c"], ""),
        (["a=\u00e9"], ""),
        ([",".join(f"k{number}=1" for number in range(33))], ""),
        (["a=" + "x" * 257], ""),
        ([",".join(f"k{number}={'x' * 200}" for number in range(3))], ""),
    ],
)
def test_state_is_kept_where_it_is_valid(states: list[str], kept: str) -> None:
    """A list of distinct, well-formed members is passed on in one line; anything else is left out, the parent stays."""
    context = trace_context_of(headers(PARENT, *states))
    assert context is not None
    assert context.state == kept
    assert len(kept) <= MAX_STATE_BYTES


def test_is_told_in_two_lines() -> None:
    """An upstream is told trace, span, decision and state."""
    context = TraceContext(TRACE, SPAN, sampled=True, state="a=1")
    assert context.headers == f"traceparent: {PARENT}\r\ntracestate: a=1\r\n".encode()
    assert context.unsampled().headers == f"traceparent: 00-{TRACE}-{SPAN}-00\r\ntracestate: a=1\r\n".encode()
