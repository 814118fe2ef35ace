"""Server-sent events on their way from an engine to a client.

Bytes pass through untouched, in whole frames. Three things are done to them: the usage that the gateway asked for on
its own account is taken out; an engine's failure becomes one honest error event, and no `[DONE]` follows it, for the
answer is not done; and what was delivered is counted.
"""

import asyncio
from typing import Final

from fairlead_contract.errors import EngineDied, FairleadError, UpstreamFailed
from fairlead_gateway.delivery import Delivery
from fairlead_gateway.endpoints import Dialect
from fairlead_gateway.envelope import sse_error
from fairlead_gateway.limits import Outcome
from fairlead_gateway.refusals import stream_error
from fairlead_gateway.reply import Header, Reply
from fairlead_gateway.sse import FRAME_END, GRAMMARS, FrameBuffer, Meaning, frames, payload
from fairlead_gateway.usage import usage_in

EVENT_STREAM: Final = "text/event-stream"
STREAM_HEADERS: Final[tuple[Header, ...]] = (
    ("content-type", "text/event-stream; charset=utf-8"),
    ("cache-control", "no-cache"),
    ("x-accel-buffering", "no"),
)


class StreamReader:
    """Reads a stream and writes it to a reply.

    The answer begins with the first whole frame: an engine that fails before it is answered with a status of its own,
    unless a heartbeat has begun the reply.

    Attributes:
        ended: Whether the reply has got its end, good or bad.
        error: Why nothing was sent, where the stream failed before its first frame.
    """

    __slots__ = ("_buffer", "_delivery", "_dialect", "_grammar", "_hide_usage", "_loop", "_reply", "ended", "error")

    def __init__(self, reply: Reply, delivery: Delivery, *, dialect: Dialect, hide_usage: bool) -> None:
        self._reply = reply
        self._delivery = delivery
        self._dialect = dialect
        self._grammar = GRAMMARS[dialect]
        self._hide_usage = hide_usage
        self._buffer = FrameBuffer()
        self._loop = asyncio.get_running_loop()
        self.ended = False
        self.error: FairleadError | None = None

    def data(self, data: bytes) -> None:
        """Take bytes as they were read, cut anywhere."""
        if self.ended:
            return
        try:
            whole = self._buffer.whole(data)
        except ValueError as error:
            self.fail(UpstreamFailed(f"The model's stream cannot be read: {error}."))
            return
        if not whole:
            return
        if self._grammar.special(whole):
            self._look(whole)
        else:
            self._deliver(whole)

    def end(self) -> None:
        """Take note that the upstream has sent everything."""
        if not self.ended:
            self.fail(EngineDied("The model's stream ended before the answer did. Send the request again."))

    def fail(self, error: FairleadError) -> None:
        """End the reply with an error event; before its first frame, leave the error to be answered with a status."""
        if self.ended:
            return
        self.ended = True
        if self._delivery.first_byte_at is None:
            self.error = error
            return
        self._delivery.error_code = error.code
        self._reply.finish(
            sse_error(error, self._dialect, request_id=self._reply.request_id, sequence=self._delivery.frames)
        )

    def _look(self, whole: bytes) -> None:
        """Go through frames of which one is, or may be, more than content."""
        passed: list[bytes] = []
        for frame in frames(whole):
            meaning = self._grammar.meaning(frame)
            if meaning is Meaning.ERROR:
                self._deliver(b"".join(passed))
                self.fail(stream_error(payload(frame)))
                return
            if meaning is not Meaning.CONTENT:
                self._note_usage(frame)
            if meaning is not Meaning.USAGE or not self._hide_usage:
                passed.append(frame)
            if meaning is Meaning.LAST:
                self._finish(b"".join(passed))
                return
        self._deliver(b"".join(passed))

    def _deliver(self, data: bytes) -> None:
        if not data:
            return
        self._count(data)
        if self._delivery.first_byte_at is not None:
            self._reply.write(data)
        else:
            self._start(data)

    def _finish(self, data: bytes) -> None:
        self._count(data)
        if self._delivery.first_byte_at is None:
            self._start(data)
            data = b""
        self.ended = True
        self._delivery.outcome = Outcome.COMPLETED
        self._reply.finish(data)

    def _start(self, data: bytes) -> None:
        self._delivery.first_byte_at = self._loop.time()
        self._delivery.content_type = EVENT_STREAM
        if self._reply.started:
            self._reply.write(data)
        else:
            self._reply.start(200, STREAM_HEADERS, data)

    def _count(self, data: bytes) -> None:
        delivery, delta = self._delivery, self._grammar.delta
        count = data.count(FRAME_END)
        delivery.frames += count
        delivery.deltas += count if delta is FRAME_END else data.count(delta)
        if delivery.kept is not None:
            delivery.kept.append(data)

    def _note_usage(self, frame: bytes) -> None:
        usage = usage_in(payload(frame), self._dialect)
        if usage is not None:
            self._delivery.usage = usage
