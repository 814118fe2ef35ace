"""Where an issuer's keys come from while the gateway runs: given once, read from a file, or fetched from an address.

Requests read `keys` from memory and never wait for a key that is there. A fetch runs beside them, one at a time: before
keys grow old, and when a token names a key that is not there (`renew`), then at most once per cool-down.
"""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from fairlead_contract.issuers import Algorithm
from fairlead_gateway.jwks import KeySet, read_jwks, read_key_file
from fairlead_gateway.jwks_fetch import FETCH_TIMEOUT_S
from fairlead_gateway.watch import WatchedFile

COOL_DOWN_S: Final = 10.0
NO_KEYS: Final = KeySet()

log = logging.getLogger(__name__)


class KeySource(Protocol):
    """Keys of one issuer."""

    @property
    def keys(self) -> KeySet:
        """The keys in force."""

    @property
    def failing(self) -> bool:
        """Whether keys could not be had when last looked for, so that a key not found may exist all the same."""

    def tick(self) -> None:
        """Do what is due; called about twice a second."""

    async def renew(self) -> None:
        """Look for keys anew, if that makes sense now; returns within two seconds."""

    def close(self) -> None:
        """Stop whatever is under way."""


@dataclass(frozen=True, slots=True)
class FixedKeys:
    """Keys that never change."""

    keys: KeySet
    failing: bool = False

    def tick(self) -> None:
        """Nothing is ever due."""

    async def renew(self) -> None:
        """There is nothing to look for."""

    def close(self) -> None:
        """Nothing is under way."""


class FileKeys:
    """Keys in a file, which may change.

    Args:
        on_withdrawn: Called when a key that was in force is no more.
    """

    def __init__(
        self,
        path: Path,
        algorithm: Algorithm,
        *,
        on_withdrawn: Callable[[], None],
        on_read: Callable[[str, bool], None] | None = None,
    ) -> None:
        self._file = WatchedFile(
            path, lambda content: read_key_file(content, algorithm), absent=NO_KEYS, on_read=on_read
        )
        self._on_withdrawn = on_withdrawn
        self.tick()

    @property
    def keys(self) -> KeySet:
        return self._file.value

    @property
    def failing(self) -> bool:
        return not self._file.loaded

    def tick(self) -> None:
        before = self._file.value
        if self._file.poll() and not self._file.value.keeps(before):
            self._on_withdrawn()

    async def renew(self) -> None:
        self.tick()

    def close(self) -> None:
        """Nothing is under way."""


@dataclass(frozen=True, slots=True)
class RemoteTimes:
    """When keys are fetched, in seconds.

    Attributes:
        refresh_s: From one successful fetch to the next.
        stale_s: For which keys stay in force while fetching fails.
        cool_down_s: From the end of one fetch to the next that a failure or an unknown key causes.
    """

    refresh_s: float
    stale_s: float
    cool_down_s: float = COOL_DOWN_S


class RemoteKeys:
    """Keys at an address.

    Args:
        name: The issuer's name in the issuers file, for the log.
        fetch: Returns the document, in bounded time.
        on_withdrawn: Called when a key that was in force is no more.
        on_fetched: Called after every fetch with whether it gave keys, for metrics.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        name: str,
        algorithm: Algorithm,
        fetch: Callable[[], Awaitable[bytes]],
        times: RemoteTimes,
        *,
        on_withdrawn: Callable[[], None],
        on_fetched: Callable[[str, bool], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.keys = NO_KEYS
        self.failing = True
        self._name = name
        self._algorithm = algorithm
        self._fetch = fetch
        self._times = times
        self._on_withdrawn = on_withdrawn
        self._on_fetched = on_fetched
        self._clock = clock
        self._flight: asyncio.Task[None] | None = None
        self._due_at = self._fresh_at = self._cool_until = clock()

    def tick(self) -> None:
        """Start a fetch that is due, and let go of keys that nobody has confirmed for too long."""
        now = self._clock()
        if self._flight is None and now >= self._due_at:
            self._start()
        if self.keys is not NO_KEYS and now - self._fresh_at > self._times.stale_s:
            log.error(
                "issuer %s: its keys are too old to be believed; its tokens are refused until a fetch succeeds",
                self._name,
            )
            self._put(NO_KEYS)

    async def renew(self) -> None:
        """Wait for the fetch under way, or start one unless the last is only just over."""
        if self._flight is None:
            if self._clock() < self._cool_until:
                return
            self._start()
        if self._flight is not None:
            await asyncio.wait({self._flight}, timeout=FETCH_TIMEOUT_S)

    def close(self) -> None:
        if self._flight is not None:
            self._flight.cancel()

    def _start(self) -> None:
        self._flight = asyncio.get_running_loop().create_task(self._renew())

    async def _renew(self) -> None:
        try:
            keys = read_jwks(await self._fetch(), self._algorithm)
        except Exception as error:  # noqa: BLE001 - whatever an identity provider does, known keys stay
            kept = "the keys that are known stay in force" if self.keys is not NO_KEYS else "no keys are known"
            log.warning("issuer %s: keys not fetched: %s; %s", self._name, str(error) or type(error).__name__, kept)
            self._ended(ok=False)
        else:
            self._put(keys)
            self._fresh_at = self._clock()
            self._ended(ok=True)
        finally:
            self._flight = None

    def _ended(self, *, ok: bool) -> None:
        now = self._clock()
        self.failing = not ok
        self._cool_until = now + self._times.cool_down_s
        # Gateways that were started together do not ask together.
        wait_s = self._times.refresh_s * random.uniform(0.8, 1.0) if ok else self._times.cool_down_s  # noqa: S311
        self._due_at = now + wait_s
        if self._on_fetched is not None:
            self._on_fetched(self._name, ok)

    def _put(self, keys: KeySet) -> None:
        before, self.keys = self.keys, keys
        if not keys.keeps(before):
            self._on_withdrawn()
