"""A reply without a connection: what would go out is collected."""

import asyncio
import re
from dataclasses import dataclass, field

from fairlead_gateway.endpoints import Dialect
from fairlead_gateway.envelope import render
from fairlead_gateway.reply import Reply


@dataclass
class Collector:
    """The client's side of a reply."""

    sent: bytearray = field(default_factory=bytearray)
    finished: asyncio.Event = field(default_factory=asyncio.Event)
    severed: bool = False
    closing: bool = False

    def transmit(self, data: bytes) -> None:
        self.sent += data

    def must_close(self) -> bool:
        return self.closing

    def reply_finished(self, *, close: bool) -> None:
        self.closing = close
        self.finished.set()

    def sever(self) -> None:
        self.severed = True

    def http_date(self) -> str:
        return "Thu, 01 Jan 2026 00:00:00 GMT"

    @property
    def head(self) -> str:
        return bytes(self.sent).partition(b"\r\n\r\n")[0].decode("latin-1")

    @property
    def status(self) -> int:
        return int(self.head.split(" ")[1])

    @property
    def body(self) -> bytes:
        """The body, taken out of its chunks where it is in chunks."""
        body = bytes(self.sent).partition(b"\r\n\r\n")[2]
        if "transfer-encoding: chunked" not in self.head:
            return body
        pieces = []
        while body:
            size, _, rest = body.partition(b"\r\n")
            pieces.append(rest[: int(size, 16)])
            body = rest[int(size, 16) + 2 :]
        return b"".join(pieces)

    @property
    def ended(self) -> bool:
        """Whether the body has its proper end."""
        return re.search(rb"(^|\r\n)0\r\n\r\n$", bytes(self.sent)) is not None


def collected(dialect: Dialect = Dialect.OPENAI, method: str = "POST") -> tuple[Reply, Collector]:
    """Return a reply and what collects it."""
    collector = Collector()
    return Reply(collector, render=render, request_id="req_test", dialect=dialect, method=method), collector
