"""The gateway's client of Redis: bounded connections that are waited for, and no retries behind a caller's back."""

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff


def redis_client(url: str, *, connections: int) -> Redis:
    """Return a client; nothing is connected before the first command.

    A burst waits for a free connection instead of failing, for as long as whoever asks is patient. A command is sent
    again once, at once: a connection that Redis closed while it was idle is found out only by using it.

    Args:
        url: redis://, rediss:// or unix://.
        connections: Most connections at a time.
    """
    pool = BlockingConnectionPool.from_url(url, max_connections=connections, retry=Retry(NoBackoff(), 1))
    return Redis.from_pool(pool)
