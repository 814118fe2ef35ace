"""Bodies, as they arrive in pieces."""

import pytest

from fairlead_contract.errors import InvalidRequest, RequestTooLarge
from fairlead_gateway.http_body import ChunkedBody, LengthBody

CHUNKED = b"5\r\nhello\r\n1\r\n \r\n00A\r\n0123456789\r\n0\r\n\r\n"
BODY = b"hello 0123456789"
BEHIND = b"GET / HTTP/1.1"


def test_cut_at_any_two_offsets() -> None:
    """A chunked body is the same wherever it is cut, and what lies behind it is left alone."""
    whole = CHUNKED + BEHIND
    for first in range(len(whole)):
        for second in range(first, len(whole)):
            body, behind = ChunkedBody(100), b""
            for piece in (whole[:first], whole[first:second], whole[second:]):
                behind += piece if body.complete else body.feed(piece)
            assert (body.complete, body.take(), behind) == (True, BODY, BEHIND)


def test_counts_its_length() -> None:
    """A body of known length takes what is its own and no more."""
    body = LengthBody(5)
    assert body.feed(b"hel") == b""
    assert not body.complete
    assert body.feed(b"lo" + BEHIND) == BEHIND
    assert (body.complete, body.take()) == (True, b"hello")


def test_an_empty_body_is_complete() -> None:
    """A length of zero waits for nothing."""
    assert (LengthBody(0).complete, LengthBody(0).take()) == (True, b"")


@pytest.mark.parametrize("limit", range(len(BODY)))
def test_is_bounded(limit: int) -> None:
    """A chunked body is refused by the chunk that takes it above the limit."""
    with pytest.raises(RequestTooLarge):
        ChunkedBody(limit).feed(CHUNKED)


def test_is_refused_before_it_is_sent() -> None:
    """A chunk is refused by its announced size, before any of it is taken."""
    with pytest.raises(RequestTooLarge):
        ChunkedBody(100).feed(b"ffffffff\r\n")


@pytest.mark.parametrize(
    "sent", [b"x", b"5\n", b"123456789\r\n", b"5\r\nhelloX", b"0\r\nX", b"0\r\nX: y\r\n\r\n", b"5;a\r\n"]
)
def test_is_strict(sent: bytes) -> None:
    """What is no chunk is refused, as soon as that is certain."""
    with pytest.raises(InvalidRequest):
        ChunkedBody(100).feed(sent + b"\r\n" * 8)
