"""Where Redis is and how a connection to it begins, read from a URL."""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from redis.asyncio.connection import SSLConnection, parse_url

P = TypeVar("P", bound=asyncio.BaseProtocol)

_KNOWN = frozenset({"host", "port", "path", "username", "password", "db", "connection_class", "ssl_ca_certs"})


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """A Redis or Valkey server.

    Attributes:
        path: Unix socket; the host and port count where it is None.
        tls: None for plain TCP.
        greeting: Commands with which each connection begins: AUTH, SELECT.
    """

    host: str = "localhost"
    port: int = 6379
    path: str | None = None
    tls: ssl.SSLContext | None = None
    greeting: tuple[tuple[str, ...], ...] = field(default=(), repr=False)

    @classmethod
    def from_url(cls, url: str) -> "RedisAddress":
        """Read redis://, rediss:// or unix://, as redis-py writes them.

        `ssl_ca_certs=FILE` in the query names the certificates to trust, `db=N` the database.

        Raises:
            ValueError: The URL is none of these, or asks for what is not supported.
        """
        parts: dict[str, Any] = dict(parse_url(url))
        unknown = sorted(parts.keys() - _KNOWN)
        if unknown:
            raise ValueError(f"the Redis URL has options that are not supported: {', '.join(unknown)}")
        tls = parts.get("connection_class") is SSLConnection
        return cls(
            host=parts.get("host", "localhost"),
            port=parts.get("port", 6379),
            path=parts.get("path"),
            tls=ssl.create_default_context(cafile=parts.get("ssl_ca_certs")) if tls else None,
            greeting=_greeting(parts),
        )

    async def connect(self, protocol: Callable[[], P]) -> None:
        """Connect a protocol.

        Raises:
            OSError: Nobody answers there, or not with the certificate that we trust.
        """
        loop = asyncio.get_running_loop()
        if self.path is not None:
            await loop.create_unix_connection(protocol, self.path)
        else:
            await loop.create_connection(protocol, self.host, self.port, ssl=self.tls)


def _greeting(parts: dict[str, Any]) -> tuple[tuple[str, ...], ...]:
    greeting: list[tuple[str, ...]] = []
    username, password, db = parts.get("username"), parts.get("password"), int(parts.get("db") or 0)
    if password:
        greeting.append(("AUTH", username, password) if username else ("AUTH", password))
    if db:
        greeting.append(("SELECT", str(db)))
    return tuple(greeting)
