"""Failed authentications, counted by client address: who guesses is slowed down, and whoever is known goes on.

Only failures are counted and only failures are refused. Behind one address there may be a whole company; a stranger
among them must not lock it out, and 256 bits are not guessed however fast somebody tries. What the bound gives is a
clear word to clients that repeat a mistake, and a number for the operator. Each gateway counts by itself.
"""

import logging
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from typing import Final

from fairlead_contract.errors import FairleadError, TooManyFailedAttempts, Unauthenticated
from fairlead_gateway.client_address import Network, client_address, told_by_a_stranger
from fairlead_gateway.headers import Headers

WINDOW_S: Final = 60.0
MAX_ADDRESSES: Final = 10_000

log = logging.getLogger(__name__)


class FailedAttempts:
    """The failures of the last minute.

    Args:
        per_minute: Failures of one address that are answered as such; further ones get 429. 0 bounds nothing.
        trusted: Networks of proxies whose `X-Forwarded-For` is believed.
        on_failure: Told of each failure, and whether it was one too many.
        on_stranger: Told of each failure whose sender's address somebody tells who is not trusted.
        clock: Seconds that never run backwards.
        max_addresses: Addresses kept in memory; the one that has been quiet for longest goes first.
    """

    def __init__(
        self,
        per_minute: int,
        *,
        trusted: Sequence[Network] = (),
        on_failure: Callable[[bool], None] = lambda _: None,
        on_stranger: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
        max_addresses: int = MAX_ADDRESSES,
    ) -> None:
        self._per_minute = per_minute
        self._trusted = trusted
        self._on_failure = on_failure
        self._on_stranger = on_stranger
        self._warned = False
        self._clock = clock
        self._max_addresses = max_addresses
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()

    def count(self, refusal: Unauthenticated, peer: str, headers: Headers) -> FairleadError:
        """Count a failure; return what its sender is told: why it was refused, or that it has failed too often.

        Args:
            refusal: Why the credentials were refused.
            peer: The address that the connection comes from.
            headers: The request's, with lower-case names.
        """
        wait_s = self._wait_s(client_address(peer, headers, self._trusted)) if self._per_minute else 0.0
        self._on_failure(wait_s > 0)
        if told_by_a_stranger(peer, headers, self._trusted):
            self._on_stranger()
            self._warn(peer)
        if wait_s <= 0:
            return refusal
        return TooManyFailedAttempts(
            f"There were more than {self._per_minute} requests without valid credentials from your address within a "
            f"minute. Correct the credentials before you try again; requests with valid ones are answered.",
            retry_after_s=wait_s,
        )

    def _warn(self, peer: str) -> None:
        """Say once that clients may be counted as one; more often anybody could fill the log."""
        if not self._warned:
            self._warned = True
            log.warning(
                "%s sends X-Forwarded-For and is no trusted proxy: if it is your ingress, failures of all its clients "
                "count as one client's; name its network in FAIRLEAD_GATEWAY_TRUSTED_PROXIES",
                peer,
            )

    def _wait_s(self, address: str) -> float:
        """Count a failure of an address; return 0, or for how many seconds its failures are refused."""
        now = self._clock()
        failures = self._failures.setdefault(address, deque(maxlen=self._per_minute))
        self._failures.move_to_end(address)
        if len(self._failures) > self._max_addresses:
            self._failures.popitem(last=False)
        if len(failures) == self._per_minute and now < failures[0] + WINDOW_S:
            return failures[0] + WINDOW_S - now
        failures.append(now)
        return 0.0
