"""Server-sent events as engines write them: which frames matter, found without reading the others.

vLLM writes a frame as `data: {json}` or `event: name` and `data: {json}`, and ends it with an empty line. JSON never
holds a raw line break, and inside its strings every quote is escaped; so a frame can only end at an empty line, and
the bytes searched for here can only stand where they mean something. That is why a search for a few bytes tells a
read without anything special, nearly all of them, from the few frames that must be looked at.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from types import MappingProxyType
from typing import Final

from fairlead_gateway.endpoints import Dialect

FRAME_END: Final = b"\n\n"
MAX_FRAME_BYTES: Final = 16 * 1024 * 1024


class Meaning(Enum):
    """What a frame means to the gateway."""

    CONTENT = auto()
    USAGE = auto()
    """Carries the usage of the whole answer and nothing else."""
    REPORT = auto()
    """Belongs to the answer, and carries usage besides."""
    LAST = auto()
    """Ends a whole answer, and may carry usage."""
    ERROR = auto()


@dataclass(frozen=True, slots=True)
class Grammar:
    """How one dialect's streams are read.

    Attributes:
        special: Whether a read may hold a frame that is more than content.
        meaning: What one frame means.
        delta: Bytes that stand once in each frame that delivers tokens.
    """

    special: Callable[[bytes], bool]
    meaning: Callable[[bytes], Meaning]
    delta: bytes


class FrameBuffer:
    """Holds back the unfinished end of what was read, so that only whole frames go on."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = b""

    @property
    def rest(self) -> bytes:
        """The beginning of a frame whose end has not come."""
        return self._rest

    def whole(self, data: bytes) -> bytes:
        """Return the whole frames that are there now that `data` has come; b"" where none is.

        Raises:
            ValueError: A frame grows beyond MAX_FRAME_BYTES.
        """
        if self._rest:
            data = self._rest + data
        if data.endswith(FRAME_END):
            self._rest = b""
            return data
        end = data.rfind(FRAME_END) + len(FRAME_END)
        if end < len(FRAME_END):
            end = 0
        self._rest = data[end:]
        if len(self._rest) > MAX_FRAME_BYTES:
            raise ValueError(f"a frame is larger than {MAX_FRAME_BYTES} bytes")
        return data[:end]


def frames(data: bytes) -> Iterator[bytes]:
    """Yield whole frames one by one, each with the empty line that ends it."""
    start = 0
    while start < len(data):
        end = data.index(FRAME_END, start) + len(FRAME_END)
        yield data[start:end]
        start = end


def payload(frame: bytes) -> bytes:
    """Return the JSON of a frame's data line, b"" where it has none."""
    match = _DATA.search(frame)
    return match[1] if match is not None else b""


_DATA: Final = re.compile(rb"(?:^|\n)data: ?([^\n]*)")
_EVENT: Final = re.compile(rb"event: ?([^\n]*)")


def _event_name(frame: bytes) -> bytes:
    match = _EVENT.match(frame)
    return match[1] if match is not None else b""


def _chat_special(data: bytes) -> bool:
    return b'"choices":[]' in data or b'data: {"error"' in data or b"data: [DONE]\n" in data


def _chat_meaning(frame: bytes) -> Meaning:
    if frame.startswith(b"data: [DONE]"):
        return Meaning.LAST
    if frame.startswith(b'data: {"error"'):
        return Meaning.ERROR
    return Meaning.USAGE if b'"choices":[]' in frame and b'"usage":{' in frame else Meaning.CONTENT


_RESPONSES: Final[Mapping[bytes, Meaning]] = MappingProxyType(
    {
        b"response.completed": Meaning.LAST,
        b"response.incomplete": Meaning.LAST,
        b"response.failed": Meaning.ERROR,
        b"error": Meaning.ERROR,
    }
)


def _responses_special(data: bytes) -> bool:
    return (
        b"event: response.completed\n" in data
        or b"event: response.incomplete\n" in data
        or b"event: response.failed\n" in data
        or b"event: error\n" in data
        or b'data: {"error"' in data
    )


def _responses_meaning(frame: bytes) -> Meaning:
    if frame.startswith(b'data: {"error"'):
        return Meaning.ERROR
    return _RESPONSES.get(_event_name(frame), Meaning.CONTENT)


_MESSAGES: Final[Mapping[bytes, Meaning]] = MappingProxyType(
    {
        b"message_start": Meaning.REPORT,
        b"message_delta": Meaning.REPORT,
        b"message_stop": Meaning.LAST,
        b"error": Meaning.ERROR,
    }
)


def _messages_special(data: bytes) -> bool:
    return b"event: message_" in data or b"event: error\n" in data


def _messages_meaning(frame: bytes) -> Meaning:
    return _MESSAGES.get(_event_name(frame), Meaning.CONTENT)


GRAMMARS: Final[Mapping[Dialect, Grammar]] = MappingProxyType(
    {
        Dialect.OPENAI: Grammar(_chat_special, _chat_meaning, delta=FRAME_END),
        Dialect.RESPONSES: Grammar(_responses_special, _responses_meaning, delta=b".delta\n"),
        Dialect.ANTHROPIC: Grammar(_messages_special, _messages_meaning, delta=b"event: content_block_delta\n"),
    }
)
