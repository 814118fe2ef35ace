"""Answers in one piece: held until they are complete, so that one that breaks off becomes an honest error."""

import asyncio
from typing import Final

from fairlead_contract.errors import AnswerTooLarge, FairleadError, UpstreamFailed
from fairlead_gateway.delivery import Delivery
from fairlead_gateway.endpoints import Dialect
from fairlead_gateway.limits import Outcome
from fairlead_gateway.refusals import refusal
from fairlead_gateway.reply import Reply
from fairlead_gateway.usage import usage_in

MAX_ANSWER_BYTES: Final = 64 * 1024 * 1024
MAX_REFUSAL_BYTES: Final = 256 * 1024


class AnswerReader:
    """Reads an answer in JSON, takes its usage, and sends its bytes on untouched.

    Args:
        streamable: Whether the same answer could be had as a stream, which is not held.

    Attributes:
        ended: Whether the reply has got its end.
        error: Why nothing was sent, if nothing was.
    """

    __slots__ = (
        "_content_type",
        "_delivery",
        "_dialect",
        "_pieces",
        "_reply",
        "_size",
        "_streamable",
        "ended",
        "error",
    )

    def __init__(
        self, reply: Reply, delivery: Delivery, *, dialect: Dialect, content_type: str, streamable: bool
    ) -> None:
        self._reply = reply
        self._delivery = delivery
        self._dialect = dialect
        self._content_type = content_type
        self._streamable = streamable
        self._pieces: list[bytes] = []
        self._size = 0
        self.ended = False
        self.error: FairleadError | None = None

    def data(self, data: bytes) -> None:
        self._pieces.append(data)
        self._size += len(data)
        if self._size > MAX_ANSWER_BYTES:
            self._pieces.clear()
            self._delivery.outcome = Outcome.ABORTED  # the engine has worked on it
            smaller = "Ask for a stream, or for fewer logprobs" if self._streamable else "Send fewer texts in a request"
            self.fail(
                AnswerTooLarge(f"The answer is larger than {MAX_ANSWER_BYTES} bytes, which is held whole. {smaller}.")
            )

    def end(self) -> None:
        if self.ended:
            return
        if self._reply.started:
            self.fail(UpstreamFailed("The model answered in one piece where a stream was asked for."))
            return
        self.ended = True
        body = b"".join(self._pieces)
        delivery = self._delivery
        delivery.usage = usage_in(body, self._dialect)
        delivery.first_byte_at = asyncio.get_running_loop().time()
        delivery.content_type = self._content_type
        delivery.outcome = Outcome.COMPLETED
        if delivery.kept is not None:
            delivery.kept.append(body)
        self._reply.send(200, [("content-type", self._content_type)], body)

    def fail(self, error: FairleadError) -> None:
        if not self.ended:
            self.ended = True
            self.error = error


class RefusalReader:
    """Reads an upstream's error.

    Attributes:
        ended: Whether the error is known.
        error: What it means for the client.
    """

    __slots__ = ("_body", "_content_type", "_status", "ended", "error")

    def __init__(self, status: int, content_type: str) -> None:
        self._status = status
        self._content_type = content_type
        self._body = b""
        self.ended = False
        self.error: FairleadError | None = None

    def data(self, data: bytes) -> None:
        if len(self._body) < MAX_REFUSAL_BYTES:
            self._body += data

    def end(self) -> None:
        if not self.ended:
            self.fail(refusal(self._status, self._content_type, self._body))

    def fail(self, error: FairleadError) -> None:
        if not self.ended:
            self.ended = True
            self.error = error
