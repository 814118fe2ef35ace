"""The head of an HTTP/1.1 request, read strictly.

A grammar admits the raw bytes first, so that nothing on which two parsers could disagree ever reaches a parser: bare
line feeds, folded lines, space before a colon, other versions, absolute-form targets (RFC 9112, sections 2.2, 3, 5
and 6). llhttp then takes the head apart. HTTP/1.0 is refused as well: it has neither Host nor chunked answers, and no
client of an LLM API speaks it.
"""

import re
from collections.abc import Mapping
from typing import Final

import httptools
import msgspec

from fairlead_contract.errors import FairleadError, HeadersTooLarge, InvalidRequest, MethodNotAllowed
from fairlead_gateway.headers import Headers, values

_BLANK: Final = b" \t"
HEAD_END: Final = b"\r\n\r\n"
MAX_HEAD_BYTES: Final = 32 * 1024
MAX_HEADERS: Final = 100
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

_TARGET = rb"/(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/?\[\]]|%[0-9A-Fa-f]{2})*+"
_NAME = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
_VALUE = rb"[\t\x20-\x7e\x80-\xff]*+"
_LINE = rb"[A-Z]{1,16} " + _TARGET + rb" HTTP/1\.1\r\n"
_GRAMMAR: Final = re.compile(_LINE + rb"(?:" + _NAME + rb":" + _VALUE + rb"\r\n)*+\r\n")
_REQUEST_LINE: Final = re.compile(_LINE)
_BARE_LF: Final = re.compile(rb"(?<!\r)\n")
_FOLDED: Final = re.compile(rb"\r\n[ \t]")
_METHOD: Final = re.compile(rb"[A-Z]{1,16}(?: |$)")
_VERSION: Final = re.compile(rb"HTTP/1\.1$")
_HOST: Final = re.compile(rb"(?:[A-Za-z0-9._\-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
_LENGTH: Final = re.compile(rb"[0-9]{1,15}")

_ONCE: Final = frozenset(
    {
        b"host",
        b"content-length",
        b"transfer-encoding",
        b"content-type",
        b"content-encoding",
        b"expect",
        b"authorization",
        b"x-api-key",
        b"x-request-id",
        b"x-client-request-id",
        b"traceparent",
    },
)
"""Headers on which the gateway acts: given twice, nobody could say which one counts."""


class RequestHead(msgspec.Struct, frozen=True):
    """What a request says before its body.

    Attributes:
        method: One of METHODS.
        path: The target's path as sent: ASCII, percent-encoding untouched.
        query: What follows the question mark, without it.
        headers: Lower-case names and raw values, in order of arrival.
        firsts: The first value of each header, by its lower-case name.
        body_length: Bytes of the body, or None where it comes in chunks.
        keep_alive: Whether the client wants the connection to live on.
        expects_continue: Whether the client waits for `100 Continue` before it sends the body.
    """

    method: str
    path: str
    query: bytes
    headers: Headers
    firsts: Mapping[bytes, bytes]
    body_length: int | None
    keep_alive: bool
    expects_continue: bool


class _Collector:
    """Receives llhttp's callbacks."""

    __slots__ = ("headers", "target")

    def __init__(self) -> None:
        self.headers: list[tuple[bytes, bytes]] = []
        self.target = b""

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value.strip(_BLANK)))


def parse_head(block: bytes) -> RequestHead:
    """Read a head, from its request line to the empty line that ends it.

    Raises:
        InvalidRequest: The head is not exactly what HTTP/1.1 prescribes.
        HeadersTooLarge: It has more than MAX_HEADERS headers.
        MethodNotAllowed: The method is not one that any route has.
    """
    if _GRAMMAR.fullmatch(block) is None:
        raise InvalidRequest(_fault(block))
    collector = _Collector()
    parser = httptools.HttpRequestParser(collector)
    try:
        parser.feed_data(block)
    except httptools.HttpParserUpgrade:
        pass  # an offer to switch protocols, which a server may ignore (RFC 9110, section 7.8)
    except httptools.HttpParserInvalidMethodError:
        raise MethodNotAllowed(_METHOD_REFUSED) from None
    except httptools.HttpParserError as error:
        raise InvalidRequest(f"The request's head is not valid HTTP/1.1: {error}.") from None
    return _head(parser.get_method().decode(), collector)


def refuse_early(start: bytes) -> FairleadError | None:
    """Return why the unfinished start of a head can never become a valid one, if it cannot."""
    line_end = start.find(b"\r\n")
    if _BARE_LF.search(start) or (line_end >= 0 and _REQUEST_LINE.match(start) is None):
        return InvalidRequest(_fault(start))
    if line_end < 0 and _METHOD.match(start[:17].rstrip(b"\r")) is None:
        return InvalidRequest(_fault(start))
    if len(start) > MAX_HEAD_BYTES:
        return HeadersTooLarge(
            f"The request's head is larger than {MAX_HEAD_BYTES} bytes; send fewer or shorter headers."
        )
    return None


_METHOD_REFUSED = f"Unknown method; use one of {', '.join(sorted(METHODS))}."


def _head(method: str, collector: _Collector) -> RequestHead:
    if method not in METHODS:
        raise MethodNotAllowed(_METHOD_REFUSED)
    headers = collector.headers
    if len(headers) > MAX_HEADERS:
        raise HeadersTooLarge(f"The request has more than {MAX_HEADERS} headers; send fewer.")
    firsts = dict(reversed(headers))
    if len(firsts) < len(headers):
        _check_once(headers)
    if _HOST.fullmatch(firsts.get(b"host", b"")) is None:
        raise InvalidRequest("The request needs exactly one valid Host header.")
    path, _, query = collector.target.partition(b"?")
    return RequestHead(
        method=method,
        path=path.decode("ascii"),
        query=query,
        headers=headers,
        firsts=firsts,
        body_length=_body_length(firsts),
        keep_alive=not any(b"close" in value.lower() for value in values(headers, b"connection")),
        expects_continue=_expects_continue(firsts),
    )


def _check_once(headers: Headers) -> None:
    found: set[bytes] = set()
    for name, _ in headers:
        if name in _ONCE:
            if name in found:
                raise InvalidRequest(f"The header {name.decode()} is given twice; send it once.")
            found.add(name)


def _body_length(firsts: Mapping[bytes, bytes]) -> int | None:
    """Return the body's length in bytes, None for a chunked body.

    Raises:
        InvalidRequest: The framing is ambiguous or unknown, as in request smuggling.
    """
    length, coding = firsts.get(b"content-length"), firsts.get(b"transfer-encoding")
    if coding is not None:
        if length is not None:
            raise InvalidRequest("A request has either Content-Length or Transfer-Encoding, not both.")
        if coding.lower() != b"chunked":
            raise InvalidRequest("The only Transfer-Encoding that is understood is chunked.")
        return None
    if length is None:
        return 0
    if _LENGTH.fullmatch(length) is None:
        raise InvalidRequest("Content-Length must be one decimal number.")
    return int(length)


def _expects_continue(firsts: Mapping[bytes, bytes]) -> bool:
    expectation = firsts.get(b"expect")
    if expectation is None:
        return False
    if expectation.lower() != b"100-continue":
        raise InvalidRequest("The only expectation that is understood is `Expect: 100-continue`.")
    return True


def _fault(block: bytes) -> str:
    """Return one sentence about what is wrong with a head that the grammar refused."""
    line, _, _ = block.partition(b"\n")
    line = line.removesuffix(b"\r")
    if _METHOD.match(line[:17]) is None:
        return "The request does not start with a method in capital letters; speak plain HTTP/1.1 to this port."
    if _BARE_LF.search(block):
        return "The request's head has a line that ends without a carriage return; end each line with CR LF."
    if _VERSION.search(line) is None:
        return "The request line does not end in HTTP/1.1, the only version that is spoken here."
    if _REQUEST_LINE.match(block) is None:
        return "The request's target must be a path that starts with a slash, percent-encoded where needed."
    if _FOLDED.search(block):
        return "The request has a header that is folded over two lines; send each header on one line."
    return "The request has a header line that is not `Name: value` in valid characters."
