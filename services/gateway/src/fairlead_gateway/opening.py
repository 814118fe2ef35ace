"""A gateway that is being opened: what its parts are made from, and the stack that closes them in reverse."""

import asyncio
import hashlib
import hmac
import logging
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
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
REACH_S: Final = 2.0
"""How long a start waits for Redis: looking up its name and connecting may take longer than any request would wait."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Opening:
    """What every part may be made from.

    Attributes:
        links: Those to Redis that have been made.
    """

    settings: GatewaySettings
    metrics: GatewayMetrics
    deadlines: Deadlines
    config: Config
    stack: AsyncExitStack
    links: list[RedisLink] = field(default_factory=list)

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
        self.links.append(link)
        return link

    async def reach_redis(self) -> None:
        """Connect all links, so that no request does; without Redis the gateway starts all the same."""
        reached = await asyncio.gather(*(link.reach(REACH_S) for link in self.links))
        if not all(reached):
            log.warning("Redis does not answer; until it does, limits follow their declared policy")

    def beside(self, work: Coroutine[Any, Any, None]) -> None:
        """Let something run beside the requests until the gateway is closed."""
        self.stack.callback(asyncio.create_task(work).cancel)
