"""Models that fail or are full, through a whole gateway."""

import asyncio
from pathlib import Path

import pytest
from redis.asyncio import Redis

from tests.gateway.support.gateway import chat, running_gateway
from tests.gateway.support.upstream import Line, Seen, Upstream, whole_answer

CHAT_PATH = "/v1/chat/completions"


async def test_a_failing_model_is_given_a_pause(tmp_path: Path, valkey: Path, redis: Redis, upstream: Upstream) -> None:
    """After failures in a row requests fail fast; then one tries, and its success lets all in."""
    upstream.script = lambda _seen, line: line.answer(500, "application/json", b"{}")
    async with running_gateway(tmp_path, valkey, upstream.port, breaker_failures=2, breaker_pause_s=0.2) as gateway:
        statuses = [(await gateway.ask(CHAT_PATH, chat())).status for _ in range(2)]
        refused = await gateway.ask(CHAT_PATH, chat())
        assert (statuses, refused.status, len(upstream.seen)) == ([502, 502], 503, 2)
        assert (refused.json["error"]["code"], int(refused.headers["retry-after"])) == ("model_unavailable", 1)
        assert 'fairlead_upstream_circuit_open{model="demo"} 1.0' in gateway.runtime.metrics.render().decode()
        upstream.script = whole_answer
        await asyncio.sleep(0.35)  # the pause and its jitter, by the clock
        assert [(await gateway.ask(CHAT_PATH, chat())).status for _ in range(3)] == [200] * 3
        assert 'fairlead_upstream_circuit_open{model="demo"} 0.0' in gateway.runtime.metrics.render().decode()


@pytest.mark.parametrize(
    "status, content_type, body",
    [
        (400, "application/json", b'{"error": {"message": "no", "code": 400}}'),
        (503, "text/plain", b"Request dropped due to backpressure"),
        (404, "text/plain", b"Path '/demo' not found."),
    ],
    ids=["a client's mistake", "full", "loading"],
)
async def test_what_is_no_failure_opens_no_circuit(  # noqa: PLR0917 - fixtures and cases
    tmp_path: Path, valkey: Path, redis: Redis, upstream: Upstream, status: int, content_type: str, body: bytes
) -> None:
    """Clients cannot close a model for others by asking wrongly or much."""
    upstream.script = lambda _seen, line: line.answer(status, content_type, body)
    async with running_gateway(tmp_path, valkey, upstream.port, breaker_failures=1) as gateway:
        for _ in range(3):
            await gateway.ask(CHAT_PATH, chat())
    assert len(upstream.seen) == 3


async def test_a_clients_haste_opens_no_circuit(tmp_path: Path, valkey: Path, redis: Redis, upstream: Upstream) -> None:
    """A client's own deadline ends its request at the engine as well, and says nothing of the model."""
    upstream.script = lambda _seen, line: line.left()
    async with running_gateway(tmp_path, valkey, upstream.port, breaker_failures=1) as gateway:
        for stream in (False, True):
            late = await gateway.ask(CHAT_PATH, chat(stream=stream), headers={"x-request-timeout-seconds": "0.1"})
            assert late.status == 504
        await upstream.has_at_most(0)
        upstream.script = whole_answer
        assert (await gateway.ask(CHAT_PATH, chat())).status == 200


async def test_a_deadline_that_is_none_is_refused(
    tmp_path: Path, valkey: Path, redis: Redis, upstream: Upstream
) -> None:
    """Nonsense is told, not guessed at."""
    async with running_gateway(tmp_path, valkey, upstream.port) as gateway:
        refused = await gateway.ask(CHAT_PATH, chat(), headers={"x-request-timeout-seconds": "soon"})
    assert (refused.status, refused.json["error"]["code"]) == (400, "invalid_value")


async def test_a_full_model_is_told_as_capacity(tmp_path: Path, valkey: Path, redis: Redis, upstream: Upstream) -> None:
    """Beyond the bound a request gets 503 with a time to come back, at once, and costs nothing."""
    release = asyncio.Event()

    async def slow(seen: Seen, line: Line) -> None:
        await release.wait()
        await whole_answer(seen, line)

    upstream.script = slow
    async with running_gateway(tmp_path, valkey, upstream.port, running_requests=1) as gateway:
        first = asyncio.create_task(gateway.ask(CHAT_PATH, chat()))
        await asyncio.wait_for(upstream.arrived.wait(), 10)
        second = await gateway.ask(CHAT_PATH, chat())
        release.set()
        assert (await first).status == 200
        assert (second.status, second.json["error"]["code"]) == (503, "overloaded")
        assert int(second.headers["retry-after"]) >= 2
        assert (await gateway.ask(CHAT_PATH, chat())).status == 200
