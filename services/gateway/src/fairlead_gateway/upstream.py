"""Connections to upstreams, kept alive and used again; the one used last goes out first.

A request is sent a second time at most once, and only where no byte of an answer can have been produced: the connection
was refused, or it was an old one that the upstream had already closed or handed over to a successor. All that are
sent again stay within a budget, but for those to a proxy's successor, of which there are many at once by nature.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from fairlead_contract.errors import Unavailable, UpstreamTimeout
from fairlead_gateway.deadlines import Deadlines
from fairlead_gateway.retry_budget import Resend, RetryBudget, RetryRules
from fairlead_gateway.upstream_connection import Patience, Sink, StaleConnection, UpstreamConnection

REFUSED_RETRY_S: Final = 0.1
"""Pause before the one retry of a refused connection: a listener that restarts needs a moment."""


class Address(NamedTuple):
    """Where an upstream listens."""

    host: str
    port: int


class UpstreamPool:
    """Upstream connections of one event loop.

    Args:
        connect_timeout_s: Longest time that making a connection may take.
        idle_s: Seconds that an unused connection is kept.
        max_idle: Unused connections kept per address.
        on_retry: Called with the model's name when a request is sent a second time.
        on_retry_refused: Called likewise when one would have been, were there budget left.
        retries: How many of a model's requests may be sent a second time.
    """

    def __init__(
        self,
        deadlines: Deadlines,
        *,
        connect_timeout_s: float,
        idle_s: float,
        max_idle: int = 512,
        on_retry: Callable[[str], None] | None = None,
        on_retry_refused: Callable[[str], None] | None = None,
        retries: RetryRules | None = None,
    ) -> None:
        self._deadlines = deadlines
        self._connect_timeout_s = connect_timeout_s
        self._idle_s = idle_s
        self._max_idle = max_idle
        self._on_retry = on_retry
        self._on_retry_refused = on_retry_refused
        self._retries = retries or RetryRules()
        self._budgets: dict[str, RetryBudget] = {}
        self._loop = asyncio.get_running_loop()
        self._idle: defaultdict[Address, list[UpstreamConnection]] = defaultdict(list)

    async def exchange(
        self,
        address: Address,
        payload: Sequence[bytes | memoryview],
        sink: Sink,
        patience: Patience,
        *,
        model: str,
        resend: Resend,
        on_again: Callable[[str], None] | None = None,
    ) -> None:
        """Send a request and feed its answer to a sink; return when the answer is complete or abandoned.

        It is sent again over a new connection where an engine may have seen it only if `resend` allows that;
        `on_again` is told why it is about to be sent again.

        Raises:
            Unavailable: Nothing listens at the address.
            UpstreamFailed: The connection broke off.
            UpstreamTimeout: The upstream took longer than it may.
        """
        budget = self._budgets.get(model) or self._budgets.setdefault(model, RetryBudget(self._retries))
        budget.request(self._loop.time())
        connection = self._take(address)
        if connection is None:
            connection = await self._connect(address, model, budget, on_again)
            await connection.exchange(payload, sink, patience)
            return
        try:
            await connection.exchange(payload, sink, patience)
        except StaleConnection as stale:
            if not stale.replaced and not (resend.take() and self._may_retry(model, budget)):
                raise
            self._tell_retry(model, on_again, "stale_connection")
            try:
                connection = await self._connect(address, model, None, None)
            except Unavailable:
                if not stale.replaced:
                    resend.give_back()
                raise
            await connection.exchange(payload, sink, patience)

    def close(self) -> None:
        """Close the connections that nobody uses."""
        for connections in self._idle.values():
            for connection in connections:
                connection.close()
        self._idle.clear()

    def _take(self, address: Address) -> UpstreamConnection | None:
        idle = self._idle[address]
        while idle:
            connection = idle.pop()
            if connection.usable:
                return connection
        return None

    async def _connect(
        self, address: Address, model: str, budget: RetryBudget | None, on_again: Callable[[str], None] | None
    ) -> UpstreamConnection:
        """Connect; where the connection is refused and a budget is given, try once more."""
        try:
            return await self._connect_once(address)
        except ConnectionRefusedError:
            if budget is None or not self._may_retry(model, budget):
                raise _unreachable() from None
        self._tell_retry(model, on_again, "connection_refused")
        await asyncio.sleep(REFUSED_RETRY_S)
        try:
            return await self._connect_once(address)
        except ConnectionRefusedError:
            raise _unreachable() from None

    async def _connect_once(self, address: Address) -> UpstreamConnection:
        loop = asyncio.get_running_loop()

        def on_idle(connection: UpstreamConnection) -> float:
            return self._keep(address, connection)

        try:
            async with asyncio.timeout(self._connect_timeout_s):
                _, connection = await loop.create_connection(
                    lambda: UpstreamConnection(self._deadlines, on_idle), address.host, address.port
                )
        except ConnectionRefusedError:
            raise
        except TimeoutError:
            raise UpstreamTimeout("The model's servers did not accept a connection in time.", retry_after_s=5) from None
        except OSError as error:
            raise Unavailable(
                f"The model's servers are not reachable: {error.strerror or error}.", retry_after_s=5
            ) from None
        return connection

    def _keep(self, address: Address, connection: UpstreamConnection) -> float:
        """Keep a connection for later; return for how many seconds."""
        idle = self._idle[address]
        if len(idle) >= self._max_idle:
            idle.pop(0).close()
        idle.append(connection)
        return self._idle_s

    def _may_retry(self, model: str, budget: RetryBudget) -> bool:
        allowed = budget.take(self._loop.time())
        if not allowed and self._on_retry_refused is not None:
            self._on_retry_refused(model)
        return allowed

    def _tell_retry(self, model: str, on_again: Callable[[str], None] | None, reason: str) -> None:
        if self._on_retry is not None:
            self._on_retry(model)
        if on_again is not None:
            on_again(reason)


def _unreachable() -> Unavailable:
    return Unavailable("The model's servers are not reachable. Retry shortly.", retry_after_s=5)
