"""One connection to Redis for the commands of all requests, which follow one another without waiting (pipelining).

What is asked for in one turn of the event loop goes out in one write, and hiredis takes the answers apart, so a command
costs a few microseconds where a client with a pool costs over a hundred. No request waits for Redis longer than a
deadline. A command is never cut in the middle: Redis answers in order, so a caller that gives up or is cancelled leaves
a place in the queue that takes its answer, and nobody can get another's (CVE-2023-28858). After a failure Redis is left
alone for a moment, so that an outage costs one deadline and not one per request.
"""

import asyncio
import hashlib
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, TypeAlias, cast

import hiredis
from typing_extensions import override

from fairlead_gateway.redis_address import RedisAddress

Argument: TypeAlias = bytes | str | int

LATE_S: Final = 0.01
"""A timer that is later than this shows that the process was held up; for as long it then reads what came meanwhile."""


class RedisLost(Exception):
    """Redis did not answer in time, or at all, or with an error."""


class RedisPaused(RedisLost):
    """Redis was not asked, because it did not answer a moment ago."""


@dataclass(frozen=True)
class Script:
    """A Lua script, which Redis knows by its hash once it has seen it."""

    source: str

    @cached_property
    def sha(self) -> str:
        """SHA-1 of the source, in hex."""
        return hashlib.sha1(self.source.encode()).hexdigest()  # noqa: S324 - Redis names scripts so


def drop(asked: "asyncio.Future[Any]") -> None:
    """Want the answer to a command no more, whatever it is."""
    if not asked.cancel() and not asked.cancelled():
        asked.exception()  # nobody is there to hear it, and that is no news for a log


class RedisLink:
    """Runs commands under a deadline; connects by itself when there is something to ask.

    Args:
        deadline_s: Longest time that a caller waits.
        pause_s: Time for which Redis is not asked after a failure.
        on_state: Told whether Redis answers, whenever that changes.
    """

    def __init__(
        self,
        address: RedisAddress,
        *,
        deadline_s: float = 1.0,
        pause_s: float = 0.5,
        on_state: Callable[[bool], None] | None = None,
    ) -> None:
        self._address = address
        self._deadline_s = deadline_s
        self._pause_s = pause_s
        self._on_state = on_state
        self._wire: _Wire | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._paused_until = 0.0
        self._answers: bool | None = None

    async def run(self, *command: Argument) -> Any:  # noqa: ANN401 - what a command answers is its own affair
        """Run a command and return its answer, text as bytes.

        Raises:
            RedisLost: There was no answer in time, none a moment ago, or an error.
        """
        return await self.answer(self.ask(*command))

    def ask(self, *command: Argument) -> "asyncio.Future[Any]":
        """Send a command with all others of this turn of the event loop; its asker goes on to `answer`, or drops it.

        Raises:
            RedisPaused: There was no answer a moment ago.
        """
        now = self._loop.time()
        if now < self._paused_until:
            raise RedisPaused("paused after a failure")
        wire = self._wire
        if wire is None or wire.closed:
            wire = self._wire = self._open()
        if self._timer is None:
            self._look_at(now + self._deadline_s)
        return wire.send(command, due_at=now + self._deadline_s)

    async def answer(self, asked: "asyncio.Future[Any]") -> Any:  # noqa: ANN401 - as above
        """Return what a command that was sent has answered.

        Raises:
            RedisLost: As `run`.
        """
        return self._checked(await asked)

    async def run_script(self, script: Script, keys: Sequence[str], arguments: Sequence[Argument]) -> Any:  # noqa: ANN401
        """Run a script, which is sent whole only where Redis does not know it.

        Raises:
            RedisLost: As `run`.
        """
        tail = (len(keys), *keys, *arguments)
        answer = await self.ask("EVALSHA", script.sha, *tail)
        if isinstance(answer, hiredis.ReplyError) and str(answer).startswith("NOSCRIPT"):
            answer = await self.ask("EVAL", script.source, *tail)
        return self._checked(answer)

    async def reach(self, within_s: float) -> bool:
        """Connect, so that the first command need not wait for that; return whether Redis answers in time."""
        try:
            async with asyncio.timeout(within_s):
                while not await self._answers_ping():  # noqa: ASYNC110 - a Redis that comes tells nobody
                    await asyncio.sleep(self._pause_s)
        except TimeoutError:
            return False
        return True

    async def aclose(self) -> None:
        """Close the connection; who still waits is told that Redis is lost."""
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.wait({self._connecting})
        if self._timer is not None:
            self._timer.cancel()
        if self._wire is not None:
            self._wire.fail("closed")

    async def _answers_ping(self) -> bool:
        try:
            return bool(await self.run("PING"))
        except RedisLost:
            return False

    @cached_property
    def _loop(self) -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    def _open(self) -> "_Wire":
        wire = _Wire(self._address.greeting, self._lost)
        self._connecting = asyncio.create_task(self._connect(wire))
        return wire

    async def _connect(self, wire: "_Wire") -> None:
        try:
            await self._address.connect(lambda: wire)
        except OSError as error:
            wire.fail(str(error) or type(error).__name__)

    def _look_at(self, due_at: float) -> None:
        self._timer = self._loop.call_at(due_at, self._look, due_at)

    def _look(self, due_at: float) -> None:
        """Give up on what is overdue, but not before what has come was read: a late loop runs its timers first."""
        if self._loop.time() > due_at + LATE_S:
            self._timer = self._loop.call_later(LATE_S, self._give_up)
        else:
            self._give_up()

    def _give_up(self) -> None:
        """Fail what is overdue; the timer runs only while there is something to wait for."""
        self._timer = None
        wire = self._wire
        if wire is None or wire.closed:
            return
        if wire.give_up(self._loop.time()):
            self._lost("no answer in time")
        due_at = wire.next_due_at()
        if due_at is not None:
            self._look_at(due_at)

    def _checked(self, answer: object) -> object:
        if isinstance(answer, hiredis.ReplyError):
            self._lost(str(answer))
            raise RedisLost(str(answer))
        self._tell(answers=True)
        return answer

    def _lost(self, _reason: str) -> None:
        self._paused_until = self._loop.time() + self._pause_s
        self._tell(answers=False)

    def _tell(self, *, answers: bool) -> None:
        if answers != self._answers:
            self._answers = answers
            if self._on_state is not None:
                self._on_state(answers)


class _Wire(asyncio.Protocol):
    """One connection, from before it is made until it is lost; commands wait for both."""

    __slots__ = ("_greetings", "_loop", "_on_lost", "_reader", "_transport", "_unsent", "_waiting", "closed")

    def __init__(self, greeting: Sequence[tuple[str, ...]], on_lost: Callable[[str], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._on_lost = on_lost
        self._reader = hiredis.Reader()
        self._transport: asyncio.Transport | None = None
        self._unsent = [_packed(command) for command in greeting]
        self._greetings = len(greeting)
        self._waiting: deque[tuple[asyncio.Future[Any], float]] = deque()
        self.closed = False

    def send(self, command: tuple[Argument, ...], *, due_at: float) -> "asyncio.Future[Any]":
        """Send a command with all others of this turn of the event loop; return what will be its answer."""
        answer: asyncio.Future[Any] = self._loop.create_future()
        self._waiting.append((answer, due_at))
        self._unsent.append(_packed(command))
        if len(self._unsent) == 1 and self._transport is not None:
            self._loop.call_soon(self._flush)
        return answer

    def give_up(self, now: float) -> bool:
        """Fail what is overdue; its answers, should they come, go nowhere. Return whether anything was."""
        overdue = [answer for answer, due_at in self._waiting if due_at <= now and not answer.done()]
        for answer in overdue:
            answer.set_exception(RedisLost("no answer in time"))
        return bool(overdue)

    def next_due_at(self) -> float | None:
        """Return when the first command that somebody waits for is due."""
        return next((due_at for answer, due_at in self._waiting if not answer.done()), None)

    def fail(self, reason: str) -> None:
        """Close, and tell everybody who waits."""
        if self.closed:
            return
        self.closed = True
        if self._transport is not None:
            self._transport.abort()
        waited_for = [answer for answer, _ in self._waiting if not answer.done()]
        self._waiting.clear()
        for answer in waited_for:
            answer.set_exception(RedisLost(reason))
        if waited_for:
            self._on_lost(reason)

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        if self.closed:
            self._transport.abort()
        elif self._unsent:
            self._flush()

    @override
    def data_received(self, data: bytes) -> None:
        try:
            self._reader.feed(data)
            while not self.closed and (answer := self._reader.gets()) is not False:
                self._take(answer)
        except (hiredis.ProtocolError, IndexError):
            self.fail("the answer is not Redis' protocol")

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self.fail(str(exc) if exc is not None else "the connection was closed")

    def _take(self, answer: object) -> None:
        if self._greetings:
            self._greetings -= 1
            if isinstance(answer, hiredis.ReplyError):
                self.fail(str(answer))
            return
        waiting, _ = self._waiting.popleft()
        if not waiting.done():
            waiting.set_result(answer)

    def _flush(self) -> None:
        if self._transport is not None and not self.closed:
            self._transport.write(b"".join(self._unsent))
        self._unsent.clear()


def _packed(command: tuple[Argument, ...]) -> bytes:
    packed: bytes = hiredis.pack_command(command)  # type: ignore[arg-type]  # the stub allows for one word only
    return packed
