"""A form with a file (multipart/form-data, RFC 7578): read within bounds, and written anew for the engine.

The file's bytes go on as they came, its name does not: only fields that were checked are written, with a boundary that
no client knows, so that nothing inside a file can pass for a field.
"""

import asyncio
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from fairlead_contract.errors import InvalidRequest, InvalidValue, RequestTooLarge, UnsupportedMediaType
from fairlead_gateway.sound import least_seconds

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

MAX_PARTS: Final = 64
MAX_PART_HEADERS: Final = 8
MAX_PART_HEADER_BYTES: Final = 1024
MAX_TEXT_BYTES: Final = 64 * 1024
"""Of all fields together, the file apart."""

_SLICE_BYTES: Final = 32 * 1024
"""Between two slices other requests get their turn: one full of almost-boundaries takes some 5 ms."""

_BOUNDARY: Final = re.compile(rb"[A-Za-z0-9'()+_,./:=? -]{0,69}[A-Za-z0-9'()+_,./:=?-]")

_BOOLEANS: Final = frozenset(
    {
        "stream",
        "stream_include_usage",
        "stream_continuous_usage_stats",
        "include_stop_str_in_output",
        "watermarking",
    }
)
_NUMBERS: Final = frozenset(
    {
        "temperature",
        "top_p",
        "top_k",
        "min_p",
        "seed",
        "n",
        "frequency_penalty",
        "presence_penalty",
        "repetition_penalty",
        "length_penalty",
        "max_completion_tokens",
    }
)
"""Fields whose text stands for something else; all others are text."""


@dataclass(slots=True)
class _Part:
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    name: str = ""
    is_file: bool = False
    data: list[memoryview] = field(default_factory=list)

    @property
    def size(self) -> int:
        return sum(len(piece) for piece in self.data)


@dataclass(frozen=True, slots=True)
class Form:
    """A form as it is checked and sent on.

    Attributes:
        values: Each field as JSON would have it: texts, numbers, booleans, lists of texts where the name ends with [],
            and for the file its size in bytes.
    """

    values: Mapping[str, object]
    _parts: tuple[_Part, ...]
    _boundary: str = field(default_factory=lambda: os.urandom(16).hex())

    @property
    def content_type(self) -> str:
        return f"multipart/form-data; boundary={self._boundary}"

    def least_seconds(self) -> int:
        """Return for how many seconds the file sounds at least."""
        pieces = [piece for part in self._parts if part.is_file for piece in part.data]
        beginning = b"".join(pieces[:2])  # what looked like a boundary may come before a slice
        return least_seconds(sum(len(piece) for piece in pieces), beginning)

    def pieces(self, model: str) -> list[bytes | memoryview]:
        """Return the form for an engine that knows the model by this name; the file's bytes are not copied."""
        delimiter = f"--{self._boundary}".encode("ascii")
        pieces: list[bytes | memoryview] = []
        for part in self._parts:
            filename = '; filename="audio"' if part.is_file else ""
            head = f'\r\nContent-Disposition: form-data; name="{part.name}"{filename}\r\n\r\n'
            pieces += [delimiter, head.encode("ascii")]
            pieces += [model.encode()] if part.name == "model" else part.data
            pieces.append(b"\r\n")
        pieces += [delimiter, b"--\r\n"]
        return pieces


async def read_form(body: bytes, content_type: str | None) -> Form:
    """Read a form.

    Raises:
        UnsupportedMediaType: It is something else.
        InvalidRequest: It is broken, has too many parts, or a field stands twice.
        InvalidValue: The file is no file, or something else is one.
        RequestTooLarge: Its texts are too long.
    """
    reader = _Reader(memoryview(body))
    parser = MultipartParser(
        _boundary(content_type),
        reader.callbacks,
        max_header_count=MAX_PART_HEADERS,
        max_header_size=MAX_PART_HEADER_BYTES,
    )
    try:
        for start in range(0, len(body), _SLICE_BYTES):
            parser.write(reader.slice(start, body[start : start + _SLICE_BYTES]))
            await asyncio.sleep(0)
    except FormParserError:
        raise _broken() from None
    if not reader.ended:
        raise _broken()
    return Form(_values(reader.parts), tuple(reader.parts))


class _Reader:
    """Collects the parts that a parser finds; their data are views of the body wherever it holds them in one piece."""

    def __init__(self, body: memoryview) -> None:
        self._body = body
        self._name = b""
        self._value = b""
        self._at, self._slice = 0, b""
        self.parts: list[_Part] = []
        self.ended = False
        self.callbacks: MultipartCallbacks = {
            "on_part_begin": self._begin,
            "on_header_field": self._header_name,
            "on_header_value": self._header_value,
            "on_header_end": self._header_end,
            "on_headers_finished": self._headers_finished,
            "on_part_data": self._data,
            "on_end": self._end,
        }

    def slice(self, at: int, data: bytes) -> bytes:
        """Return a slice of the body, which begins at a position and is parsed next."""
        self._at, self._slice = at, data
        return data

    def _begin(self) -> None:
        if len(self.parts) == MAX_PARTS:
            raise InvalidRequest(f"The form has more than {MAX_PARTS} parts. Send each field once.")
        self.parts.append(_Part())

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        self.parts[-1].headers.append((self._name.lower(), self._value))
        self._name = self._value = b""

    def _headers_finished(self) -> None:
        part = self.parts[-1]
        dispositions = [value for name, value in part.headers if name == b"content-disposition"]
        kind, options = parse_options_header(dispositions[0]) if len(dispositions) == 1 else (b"", {})
        if kind != b"form-data" or not options.get(b"name"):
            raise InvalidRequest('Each part of a form needs `Content-Disposition: form-data; name="..."`.')
        part.name = options[b"name"].decode("utf-8", "replace")
        part.is_file = b"filename" in options

    def _data(self, data: bytes, start: int, end: int) -> None:
        pieces = self.parts[-1].data
        if data is self._slice:
            pieces.append(self._body[self._at + start : self._at + end])
        else:  # what looked like the boundary's beginning at the end of a slice comes from the parser's own memory
            pieces.append(memoryview(data[start:end]))

    def _end(self) -> None:
        self.ended = True


def _boundary(content_type: str | None) -> bytes:
    kind, options = parse_options_header(content_type)
    boundary = options.get(b"boundary", b"")
    if kind != b"multipart/form-data" or _BOUNDARY.fullmatch(boundary) is None:
        shown = (content_type or "nothing")[:80]
        raise UnsupportedMediaType(
            f"The content type is {shown}. Send a form: `content-type: multipart/form-data; boundary=...`, "
            "as `curl -F` and OpenAI's clients do."
        )
    return boundary


def _values(parts: list[_Part]) -> dict[str, object]:
    values: dict[str, object] = {}
    texts = 0
    for part in parts:
        name = part.name
        if part.is_file is not (name == "file"):
            wanted = "a file: give its part a filename" if name == "file" else "text, not a file"
            raise InvalidValue(f"`{name[:80]}` must be {wanted}.", param=name[:80])
        texts += 0 if part.is_file else part.size
        if texts > MAX_TEXT_BYTES:
            raise RequestTooLarge(f"The form's fields besides the file have more than {MAX_TEXT_BYTES} bytes.")
        if name in values and not name.endswith("[]"):
            raise InvalidRequest(f"The field `{name[:80]}` is given twice. Give it once.", param=name[:80])
        if name.endswith("[]"):
            several = values.setdefault(name, [])
            assert isinstance(several, list)  # noqa: S101 - no other value has such a name
            several.append(_text(part))
        else:
            values[name] = part.size if part.is_file else _meant(name, _text(part))
    return values


def _text(part: _Part) -> str:
    try:
        return b"".join(part.data).decode()
    except UnicodeDecodeError:
        raise InvalidValue(f"`{part.name[:80]}` is not valid UTF-8.", param=part.name[:80]) from None


def _meant(name: str, text: str) -> object:
    """Return what a field's text stands for; one that stands for nothing of its kind stays a text, and is refused."""
    if name in _BOOLEANS:
        return {"true": True, "1": True, "false": False, "0": False}.get(text.lower(), text)
    if name in _NUMBERS:
        for kind in (int, float):
            try:
                return kind(text)
            except ValueError:
                continue
    return text


def _broken() -> InvalidRequest:
    return InvalidRequest(
        "The form is broken: its parts do not begin and end with the boundary that the content type names, or a part's "
        f"headers are longer than {MAX_PART_HEADER_BYTES} bytes."
    )
