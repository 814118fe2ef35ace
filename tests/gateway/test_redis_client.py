import asyncio
from pathlib import Path

from redis.asyncio import Redis

from fairlead_gateway.redis_client import redis_client


async def test_a_burst_waits_for_connections_instead_of_failing(valkey: Path) -> None:
    """More commands at a time than connections are all answered."""
    client = redis_client(f"unix://{valkey}", connections=2)
    answers = await asyncio.gather(*(client.echo(str(number)) for number in range(200)))
    assert answers == [str(number).encode() for number in range(200)]
    await client.aclose()


async def test_a_connection_that_was_closed_meanwhile_is_replaced(valkey: Path, redis: Redis) -> None:
    """A server that drops idle connections costs nobody an answer."""
    client = redis_client(f"unix://{valkey}", connections=2)
    number = await client.client_id()
    await redis.client_kill_filter(_id=str(number))
    assert await client.echo("still here") == b"still here"
    await client.aclose()
