"""A client that waits for something which is not its own answer from an upstream: another's answer, or a cold model."""

import asyncio
from typing import Generic, TypeVar

from fairlead_contract.errors import FairleadError
from fairlead_gateway.reply import Reply

Value = TypeVar("Value")


class ClientLeft(Exception):
    """The client left while it waited; no engine has worked for it."""


class Waiter(Generic[Value]):
    """One waiting client; listens to its reply, so that its leaving and the gateway's end are noticed at once."""

    __slots__ = ("_future",)

    def __init__(self, reply: Reply) -> None:
        self._future: asyncio.Future[Value] | None = asyncio.get_running_loop().create_future()
        reply.listener = self
        if reply.gone:
            self.client_gone()

    @property
    def done(self) -> bool:
        """Whether the wait is over, however it ended."""
        return self._future is None or self._future.done()

    def resolve(self, value: Value) -> None:
        """End the wait with what was waited for."""
        if self._future is not None and not self._future.done():
            self._future.set_result(value)

    def fail(self, error: Exception) -> None:
        """End the wait with an error."""
        if self._future is not None and not self._future.done():
            self._future.set_exception(error)
            self._future.exception()  # nobody may be there to hear it, and that is no news for a log

    async def wait(self, timeout_s: float) -> Value:
        """Wait for `resolve`, once.

        Raises:
            ClientLeft: The client left.
            FairleadError: The gateway ended the wait, or `fail` did.
            TimeoutError: It took longer than `timeout_s`.
        """
        future = self._future
        if future is None:
            raise RuntimeError("a waiter waits once")
        timer = future.get_loop().call_later(timeout_s, self.fail, TimeoutError())
        try:
            return await future
        finally:
            timer.cancel()
            # Its error's traceback leads here: kept, the two would hold the request's body until cycles are looked for.
            self._future = None
            del future

    def client_gone(self) -> None:
        self.fail(ClientLeft())

    def client_slow(self, *, slow: bool) -> None:
        """Nothing is sent that it could be slow to read."""

    def stopped(self, error: FairleadError) -> None:
        self.fail(error)
