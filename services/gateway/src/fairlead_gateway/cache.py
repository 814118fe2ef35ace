"""The exact response cache: the same deterministic question of the same tenant, answered without the engine.

An entry's key is a keyed hash (BLAKE2b, RFC 7693, which costs a third of an HMAC) of everything that the answer depends
on: the tenant, the model and its revision, the endpoint, and every field of the request by its exact bytes, except
those that only name the caller. Streamed and whole answers are apart. Values carry their key and tenant, which are
compared on reading: an answer that ended up under a foreign key, for whatever reason, is not given out. Only whole,
successful answers are kept.

Asked for by a client with `Cache-Control`: `no-store` neither reads nor keeps, `no-cache` keeps but does not read
(RFC 9111, section 5.2.1).
"""

import asyncio
import hashlib
import struct
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from importlib.resources import files
from typing import Any, TypeAlias

import msgspec

from fairlead_contract.routing import Route
from fairlead_gateway.call import Call
from fairlead_gateway.endpoints import Dialect
from fairlead_gateway.headers import Headers, values
from fairlead_gateway.principal import Principal
from fairlead_gateway.redis_link import Argument, RedisLink, RedisLost, Script
from fairlead_gateway.usage import Usage

CACHE_HEADER = "x-fairlead-cache"
KEY_PREFIX = "fairlead:cache:"
INDEX_KEY = f"{KEY_PREFIX}index"
TOTAL_KEY = f"{KEY_PREFIX}bytes"

Asked: TypeAlias = asyncio.Future[Any]
"""A look-up that is under way: its asker goes on to `get`, or drops it."""

_REPLACED_FIELDS = frozenset({"model", "cache_salt"})
"""Fields in whose place something else counts."""

CALLER_FIELDS = frozenset({"user", "safety_identifier", "prompt_cache_key", "metadata", "store"})
"""Fields that do not reach the answer; the Responses API repeats some of them, so there they count."""

_IGNORED_FIELDS = CALLER_FIELDS | _REPLACED_FIELDS


class CacheState(StrEnum):
    """What `x-fairlead-cache` tells."""

    HIT = "hit"
    MISS = "miss"
    BYPASS = "bypass"
    SHARED = "shared"
    """The same question was under way; this is its answer."""


class CachedAnswer(msgspec.Struct, frozen=True):
    """A finished answer.

    Attributes:
        content_type: Of the body.
        body: The bytes that the client saw; of a streamed answer all frames, one after the other.
        prompt_tokens: What the engine counted when it made the answer.
        completion_tokens: Likewise.
    """

    content_type: str
    body: bytes
    prompt_tokens: int
    completion_tokens: int

    @property
    def usage(self) -> Usage:
        """What the answer cost when it was made."""
        return Usage(self.prompt_tokens, self.completion_tokens)


class _Entry(msgspec.Struct, frozen=True):
    key: str
    tenant: str
    answer: CachedAnswer


@dataclass(frozen=True, slots=True)
class CacheRules:
    """What a client's `Cache-Control` leaves to the cache."""

    read: bool = True
    store: bool = True


_ALL = CacheRules()


@dataclass(frozen=True, slots=True)
class CacheBounds:
    """How much the cache may hold.

    Attributes:
        entry_bytes: The largest answer that is kept.
        total_bytes: All answers together; those that expire first make room.
    """

    entry_bytes: int = 1024 * 1024
    total_bytes: int = 256 * 1024 * 1024


class ResponseCache:
    """Finds and keeps answers; without Redis it finds none and keeps none.

    Args:
        secret: Keys the entries' names, so that whoever reads Redis cannot test for questions; 64 bytes at most.
        on_foreign: Called when an entry was found that belongs to somebody else.
    """

    def __init__(
        self,
        redis: RedisLink,
        secret: bytes,
        *,
        bounds: CacheBounds | None = None,
        on_foreign: Callable[[], None] | None = None,
    ) -> None:
        self._redis = redis
        self._secret = secret
        self._bounds = bounds or CacheBounds()
        self._on_foreign = on_foreign

    def key(self, principal: Principal, route: Route, call: Call, *, answer_bound: int | None = None) -> str | None:
        """Return the name under which the answer to a request is kept, or None where it is not to be kept.

        An `answer_bound` that a quota adds to the request is part of the question: it may cut the answer.
        """
        if not (route.cache_enabled and call.endpoint.cacheable and call.deterministic):
            return None
        ignored = _REPLACED_FIELDS if call.endpoint.dialect is Dialect.RESPONSES else _IGNORED_FIELDS
        asker = _texts(principal.tenant, route.identity, route.revision, call.endpoint.path)
        mac = hashlib.blake2b(asker, key=self._secret, digest_size=32)
        for name in sorted([name for name in call.fields if name not in ignored]):
            value = call.fields[name]
            mac.update(_texts(name) + _size(len(value)))
            mac.update(value)  # in place: a prompt may be large
        if answer_bound is not None:
            mac.update(_texts(str(answer_bound)))
        return f"{KEY_PREFIX}{mac.hexdigest()}"

    def ask(self, key: str) -> Asked | None:
        """Begin to look for a kept answer, which may come while others are asked; None looks for none."""
        try:
            return self._redis.ask("GET", key)
        except RedisLost:
            return None

    async def get(self, key: str, principal: Principal, asked: Asked | None) -> CachedAnswer | None:
        """Return the kept answer for which it was asked, or None."""
        if asked is None:
            return None
        try:
            content = await self._redis.answer(asked)
        except RedisLost:
            return None
        if not isinstance(content, bytes):
            return None
        try:
            entry = msgspec.msgpack.decode(content, type=_Entry)
        except msgspec.DecodeError:
            return None
        if entry.key != key or entry.tenant != principal.tenant:
            if self._on_foreign is not None:
                self._on_foreign()
            return None
        return entry.answer

    async def put(self, key: str, principal: Principal, route: Route, answer: CachedAnswer) -> None:
        """Keep a finished answer, if it is not too large."""
        if len(answer.body) > self._bounds.entry_bytes:
            return
        content = msgspec.msgpack.encode(_Entry(key=key, tenant=principal.tenant, answer=answer))
        arguments: list[Argument] = [content, len(content), route.cache_ttl_s, self._bounds.total_bytes]
        try:
            await self._redis.run_script(_PUT, [key, INDEX_KEY, TOTAL_KEY], arguments)
        except RedisLost:
            return


def cache_rules(headers: Headers) -> CacheRules:
    """Return what a request's `Cache-Control` asks for."""
    told = values(headers, b"cache-control")
    if not told:
        return _ALL
    asked = {directive.strip().lower() for value in told for directive in value.decode("latin-1").split(",")}
    if "no-store" in asked:
        return CacheRules(read=False, store=False)
    return CacheRules(read=not asked & {"no-cache", "max-age=0"})


_size = struct.Struct(">Q").pack
"""The length of each part goes before it, so that no two lists of parts are the same bytes."""


@lru_cache(maxsize=10_000)
def _texts(*texts: str) -> bytes:
    """Return texts as parts of a question's name."""
    return b"".join([_size(len(text)) + text for text in map(str.encode, texts)])


_PUT = Script(files("fairlead_gateway").joinpath("lua/cache_put.lua").read_text(encoding="utf-8"))
