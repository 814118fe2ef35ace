"""A sign of life for clients of streams that have not begun: a comment, which every reader of server-sent events skips.

Whatever a stream waits for (a cold model, a queue, another's answer), proxies on its way and the client's own read
time-out see bytes. The reply's head goes out with the first comment, after a time of silence: what fails before keeps
a status of its own, what fails later is told as an error event.

Source: the HTML standard, section 9.2.6 (a line that begins with a colon is ignored).
"""

from typing import Final

from fairlead_gateway.deadlines import NEVER, Deadlines
from fairlead_gateway.delivery import Delivery
from fairlead_gateway.reply import Reply
from fairlead_gateway.stream import STREAM_HEADERS

COMMENT: Final = b": waiting for the model\n\n"


class Heartbeat:
    """Sends comments into one reply until its answer begins; watched by `Deadlines`.

    Attributes:
        delivery: The answer that is awaited, where one has been asked for.
    """

    __slots__ = ("_begun", "_deadlines", "_interval_s", "_reply", "deadline_at", "delivery")

    def __init__(self, deadlines: Deadlines, reply: Reply, *, first_at: float, interval_s: float) -> None:
        self._deadlines = deadlines
        self._reply = reply
        self._interval_s = interval_s
        self._begun = False
        self.delivery: Delivery | None = None
        self.deadline_at = first_at
        deadlines.watch(self)

    def on_deadline(self, now: float) -> None:
        reply = self._reply
        if reply.finished or (self.delivery is not None and self.delivery.first_byte_at is not None):
            self.deadline_at = NEVER
            return
        self.deadline_at = now + self._interval_s
        if self._begun:
            reply.write(COMMENT)
        else:
            self._begun = True
            reply.start(200, STREAM_HEADERS, COMMENT)

    def stop(self) -> None:
        """Send no more."""
        self._deadlines.forget(self)


class Heartbeats:
    """Makes heartbeats.

    Args:
        silence_s: How long a stream may be silent before it gets a comment.
    """

    def __init__(self, deadlines: Deadlines, *, silence_s: float) -> None:
        self._deadlines = deadlines
        self._silence_s = silence_s

    def begin(self, reply: Reply, *, since: float) -> Heartbeat:
        """Return the heartbeat of a reply that has been silent since then; it must be stopped."""
        return Heartbeat(self._deadlines, reply, first_at=since + self._silence_s, interval_s=self._silence_s)
