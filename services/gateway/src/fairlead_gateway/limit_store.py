"""The limits' state in Redis, which all gateways share: each question is one script, and one round trip."""

import os
from collections.abc import Mapping, Sequence
from importlib.resources import files
from itertools import count
from typing import Final, NamedTuple

import msgspec

from fairlead_gateway.buckets import KEY_PREFIX
from fairlead_gateway.redis_link import RedisLink, Script
from fairlead_gateway.windows import WINDOW_S, BucketState, Charge, Decision

DAY_S: Final = 86_400
LEASE_S: Final = 15.0
RESTORE_S: Final = 5
WRITTEN_AT_ONCE: Final = 500
GENERATION: Final = f"{KEY_PREFIX}generation"
RESTORED: Final = f"{KEY_PREFIX}restored"


class QuotasUnknown(Exception):
    """Redis has lost what was used today, and the gateways are putting it back."""


class Settlement(msgspec.Struct):
    """What a reservation's end changes.

    Attributes:
        changes: Per bucket, used less reserved.
        unsure: Whether it may have been done without our having been told.
    """

    id: str
    slot: int
    hard: bool
    changes: tuple[Charge, ...]
    unsure: bool = True


class Sighting(NamedTuple):
    """What a gateway last saw used of a day: when, in microseconds of the server's clock, and how much."""

    at_us: int
    used: int


class LimitStore:
    """Reserves and settles in Redis.

    Args:
        lease_s: Time after which a request that runs counts no more unless its gateway says that it does.
        restore_s: Time for which quotas per day stay closed after Redis was emptied.
    """

    def __init__(
        self, redis: RedisLink, *, window_s: int = WINDOW_S, lease_s: float = LEASE_S, restore_s: int = RESTORE_S
    ) -> None:
        self._redis = redis
        self._window_s = window_s
        self._lease_ms = int(lease_s * 1000)
        self._restore_s = restore_s
        self._gateway = os.urandom(6).hex()
        self._open = f"{KEY_PREFIX}open:{self._gateway}"
        self._numbers = count(1)
        self._generation: bytes | None = None
        self._seen: dict[tuple[str, int], Sighting] = {}  # by bucket and day
        self._today = 0

    def new_id(self) -> str:
        """Return an id that no other reservation has, of whatever gateway."""
        return f"{self._gateway}:{next(self._numbers):x}"

    async def reserve(self, charges: Sequence[Charge], *, id_: str = "", hard: bool = False) -> Decision:
        """Charge all buckets or none.

        Raises:
            RedisLost: Redis does not answer; whether it charged is not known.
            QuotasUnknown: A daily quota is among the buckets, and Redis has lost it.
        """
        keys = [charge.key for charge in charges]
        if hard:
            keys += (GENERATION, self._open)
        arguments: list[str | int] = [self._window_s, id_, self._lease_ms]
        for _, limit, cost, kind in charges:
            arguments += (kind, limit, cost)
        answer = await self._redis.run_script(_RESERVE, keys, arguments)
        slot, allowed, micros = answer[:3]
        if allowed < 0:
            raise QuotasUnknown
        states = tuple(map(BucketState, answer[3::3], answer[4::3], answer[5::3]))
        if hard:
            self._see(charges, answer[3::3], slot, slot, micros)
        return Decision(slot, bool(allowed), states)

    async def settle(self, settlement: Settlement) -> int:
        """Correct what was reserved; return 1 if done now, 0 if done before, -1 if quotas are not known.

        Raises:
            RedisLost: Redis does not answer; whether it settled is not known.
        """
        keys = [charge.key for charge in settlement.changes]
        if settlement.hard:
            keys += (GENERATION, self._open)
        arguments: list[str | int] = [self._window_s, settlement.slot, settlement.id]
        for change in settlement.changes:
            arguments += (change.kind, change.cost)
        answer = await self._redis.run_script(_SETTLE, keys, arguments)
        if settlement.hard and answer[1] == 1:
            self._see(settlement.changes, answer[3:], settlement.slot, answer[0], answer[2])
        return int(answer[1])

    async def renew(self, running: Mapping[str, Mapping[str, None]]) -> None:
        """Let requests that run count for another lease.

        Args:
            running: Per bucket, the ids of what runs, as they change: a request that ends while others are renewed must
                not be renewed after it, which would bring its lease back.

        Raises:
            RedisLost: Redis does not answer.
        """
        for key in list(running):
            ids = list(running.get(key, ()))
            for start in range(0, len(ids), WRITTEN_AT_ONCE):
                some = [id_ for id_ in ids[start : start + WRITTEN_AT_ONCE] if id_ in running.get(key, ())]
                await self._redis.run_script(_RENEW, [key], [self._lease_ms, len(some), *some])

    async def restore(self, open_: Mapping[str, int], *, again: bool = False) -> bool:
        """Put back what was seen of today, and the marks of open reservations, if Redis has lost them.

        Returns:
            Whether Redis was emptied since the last time.

        Args:
            open_: Slots of reservations by id.
            again: Whether to do it although this gateway has done it already.

        Raises:
            RedisLost: Redis does not answer.
        """
        generation = await self._redis.run("GET", GENERATION)
        if generation is not None and generation == self._generation and not again:
            return False
        arguments: list[str | int] = [self._restore_s, len(open_)]
        for id_, slot in open_.items():
            arguments += (id_, slot)
        keys = [GENERATION, RESTORED, self._open]
        for (key, day), seen in self._seen.items():
            keys.append(f"{key}:{day}")
            arguments += (seen.at_us, seen.used, (day + 2) * DAY_S)
        before, self._generation = self._generation, await self._redis.run_script(_RESTORE, keys, arguments)
        return before is not None and before != self._generation

    async def recharge(self, windows: Sequence[tuple[str, int]]) -> None:
        """Charge windows now with what this gateway let through in the last minute, for Redis has forgotten it.

        Raises:
            RedisLost: Redis does not answer.
        """
        for start in range(0, len(windows), WRITTEN_AT_ONCE):
            some = windows[start : start + WRITTEN_AT_ONCE]
            await self.settle(
                Settlement("", 0, hard=False, changes=tuple([Charge(key, 0, used) for key, used in some]))
            )

    def _see(self, charges: Sequence[Charge], used: Sequence[int], slot: int, now_s: int, micros: int) -> None:
        day, today = slot // DAY_S, now_s // DAY_S
        for charge, amount in zip(charges, used, strict=False):
            if charge.kind == "d":
                self._seen[charge.key, day] = Sighting(now_s * 1_000_000 + micros, amount)
        if today != self._today:
            self._today = today
            self._seen = {name: seen for name, seen in self._seen.items() if name[1] >= today - 1}


def _script(name: str) -> Script:
    return Script(files("fairlead_gateway").joinpath(f"lua/{name}.lua").read_text(encoding="utf-8"))


_RESERVE = _script("reserve")
_SETTLE = _script("settle")
_RENEW = _script("renew")
_RESTORE = _script("restore")
