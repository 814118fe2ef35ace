"""A gateway that is being opened: what its parts are made from, and the stack that closes them in reverse."""

import asyncio
import hashlib
import hmac
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from fairlead_gateway.config import Config
from fairlead_gateway.deadlines import Deadlines
from fairlead_gateway.jwt_tokens import read_token_key
from fairlead_gateway.metrics import GatewayMetrics
from fairlead_gateway.redis_address import RedisAddress
from fairlead_gateway.redis_link import RedisLink
from fairlead_gateway.settings import GatewaySettings

LEDGER_DEADLINE_S: Final = 5.0
"""Nobody's request waits for the ledger, so Redis may take its time."""


@dataclass(frozen=True)
class Opening:
    """What every part may be made from."""

    settings: GatewaySettings
    metrics: GatewayMetrics
    deadlines: Deadlines
    config: Config
    stack: AsyncExitStack

    @cached_property
    def pepper(self) -> bytes:
        """The secret from which those that never leave the gateway are derived.

        Raises:
            OSError: Its file cannot be read.
            ValueError: It is too short.
        """
        return read_token_key(self.settings.pepper_file)

    def derived(self, purpose: str) -> bytes:
        """Return a key for one purpose, so that no two purposes share one (as in HKDF, RFC 5869)."""
        return hmac.new(self.pepper, f"fairlead/{purpose}".encode(), hashlib.sha256).digest()

    def link(
        self, url: str | None = None, *, deadline_s: float, on_state: Callable[[bool], None] | None = None
    ) -> RedisLink:
        """Return a link to Redis, or to another one at `url`."""
        link = RedisLink(RedisAddress.from_url(url or self.settings.redis), deadline_s=deadline_s, on_state=on_state)
        self.stack.push_async_callback(link.aclose)
        return link

    def beside(self, work: Coroutine[Any, Any, None]) -> None:
        """Let something run beside the requests until the gateway is closed."""
        self.stack.callback(asyncio.create_task(work).cancel)
