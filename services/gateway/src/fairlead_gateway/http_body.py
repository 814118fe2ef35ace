"""The body of a request, counted while it arrives.

Chunked bodies are read strictly (RFC 9112, section 7.1): no extensions, no trailers, CR LF only. Neither changes what a
JSON body says, and both have hidden requests from proxies.
"""

import re
from typing import Final, Protocol

from fairlead_contract.errors import FairleadError, InvalidRequest, RequestTooLarge

_SIZE_LINE: Final = re.compile(rb"([0-9A-Fa-f]{1,8})\r\n")
_LONGEST_SIZE_LINE: Final = 10


class BodyDecoder(Protocol):
    """Turns what follows a head into a body."""

    complete: bool

    def feed(self, data: bytes) -> bytes:
        """Take what belongs to the body and return the rest.

        Raises:
            RequestTooLarge: The body is larger than allowed.
            InvalidRequest: The body's framing is broken.
        """

    def take(self) -> bytes:
        """Return the complete body, and forget it."""

    def forget(self) -> None:
        """Forget what has arrived."""


def body_decoder(length: int | None, *, limit_bytes: int) -> BodyDecoder:
    """Return the decoder for a body of announced length, or for a chunked one where the length is None."""
    return ChunkedBody(limit_bytes) if length is None else LengthBody(length)


class LengthBody:
    """A body whose length was announced."""

    __slots__ = ("_missing", "_pieces", "complete")

    def __init__(self, length: int) -> None:
        self._missing = length
        self._pieces: list[bytes] = []
        self.complete = length == 0

    def feed(self, data: bytes) -> bytes:
        piece = data[: self._missing]
        self._pieces.append(piece)
        self._missing -= len(piece)
        self.complete = self._missing == 0
        return data[len(piece) :]

    def take(self) -> bytes:
        pieces, self._pieces = self._pieces, []
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def forget(self) -> None:
        self._pieces = []


class ChunkedBody:
    """A body that comes in chunks; its length is known at the end."""

    __slots__ = ("_body", "_limit", "_missing", "_unread", "complete")

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._body = bytearray()
        self._unread = b""
        self._missing = 0  # bytes of the current chunk and its CR LF that are still to come
        self.complete = False

    def feed(self, data: bytes) -> bytes:
        unread = self._unread + data
        position = 0
        while not self.complete:
            step = self._data(unread, position) if self._missing else self._size(unread, position)
            if step == 0:
                break
            position += step
        rest = unread[position:]
        if self.complete:
            return rest
        self._unread = rest
        return b""

    def take(self) -> bytes:
        body, self._body = self._body, bytearray()
        return bytes(body)

    def forget(self) -> None:
        self._body = bytearray()

    def _size(self, unread: bytes, position: int) -> int:
        """Read a chunk's size line at a position; return its length, or 0 where it has not arrived yet."""
        match = _SIZE_LINE.match(unread, position)
        if match is None:
            if len(unread) - position >= _LONGEST_SIZE_LINE or b"\n" in unread[position:]:
                raise _broken()
            return 0
        size = int(match[1], 16)
        if len(self._body) + size > self._limit:
            raise too_large(self._limit)
        if size == 0:
            return self._last(unread, match.end(), position)
        self._missing = size + 2
        return match.end() - position

    def _last(self, unread: bytes, end_of_line: int, position: int) -> int:
        ending = unread[end_of_line : end_of_line + 2]
        if not b"\r\n".startswith(ending):
            raise _broken()
        self.complete = ending == b"\r\n"
        return end_of_line + 2 - position if self.complete else 0

    def _data(self, unread: bytes, position: int) -> int:
        """Take what there is of the current chunk; its CR LF is checked when all of it is there."""
        available = len(unread) - position
        if self._missing > 2:  # noqa: PLR2004 - the CR LF itself
            taken = min(self._missing - 2, available)
            self._body += unread[position : position + taken]
            self._missing -= taken
            return taken
        if available < self._missing:
            return 0
        if unread[position : position + 2] != b"\r\n":
            raise _broken()
        self._missing = 0
        return 2


def too_large(limit_bytes: int) -> FairleadError:
    """Return the error for a body above the limit."""
    return RequestTooLarge(f"The request's body is larger than {limit_bytes} bytes, the most that this gateway takes.")


def _broken() -> FairleadError:
    return InvalidRequest(
        "The chunked body is broken: a chunk is its size in hexadecimal, CR LF, data, CR LF; no extensions or trailers."
    )
