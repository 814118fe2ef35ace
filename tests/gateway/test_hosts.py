"""Under which names the API answers."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from tests.gateway.support.gateway import Gateway, running_gateway
from tests.gateway.support.upstream import Upstream
from tests.gateway.support.wire import connected


@pytest.fixture
async def named(tmp_path: Path, valkey: Path, redis: Redis, upstream: Upstream) -> AsyncIterator[Gateway]:
    """A gateway that answers under two names alone."""
    settings = {"allowed_hosts": "api.example.com, [::1]"}
    async with running_gateway(tmp_path, valkey, upstream.port, **settings) as gateway:
        yield gateway


async def status(gateway: Gateway, host: str, *, path: str = "/v1/models", port: int = 0) -> int:
    async with gateway.wire() as wire:
        await wire.send(
            f"GET {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {gateway.token()}\r\n\r\n".encode()
        )
        return (await wire.answer()).status


@pytest.mark.parametrize("host", ["api.example.com", "api.example.com:8080", "API.Example.COM", "[::1]", "[::1]:80"])
async def test_a_listed_host_is_answered(named: Gateway, host: str) -> None:
    """Case and port make no other name."""
    assert await status(named, host) == 200


@pytest.mark.parametrize(
    "host",
    [
        "example.com",
        "evil.example",
        "api.example.com.",
        "api.example.com.evil.example",
        "x.api.example.com",
        "127.0.0.1",
    ],
)
async def test_another_host_is_misdirected(named: Gateway, host: str) -> None:
    """Whatever is not listed is not answered, not even to valid credentials."""
    assert await status(named, host) == 421


async def test_the_refusal_says_what_to_do(named: Gateway, upstream: Upstream) -> None:
    """Client and operator read what is wrong, and the body goes nowhere."""
    async with named.wire() as wire:
        await wire.post("/v1/chat/completions", b"{}", token=named.token())
        answer = await wire.answer()
    assert (answer.status, answer.json["error"]["code"]) == (421, "misdirected_request")
    assert "does not answer as `localhost`" in answer.json["error"]["message"]
    assert "FAIRLEAD_GATEWAY_ALLOWED_HOSTS" in answer.json["error"]["message"]
    assert upstream.seen == []


@pytest.mark.parametrize("path", ["/health", "/ready"])
async def test_probes_ask_by_address(named: Gateway, path: str) -> None:
    """A kubelet or a load balancer knows the address alone."""
    assert await status(named, "10.1.2.3:8080", path=path) == 200


async def test_metrics_are_read_by_address(named: Gateway) -> None:
    """The metrics port has no list: Prometheus knows pods by their addresses."""
    async with connected(named.runtime.metrics_port) as wire:
        await wire.send(b"GET /metrics HTTP/1.1\r\nHost: 10.1.2.3:9464\r\n\r\n")
        assert (await wire.answer()).status == 200


async def test_without_a_list_every_name_is_answered(gateway: Gateway) -> None:
    """Who lists nothing has a proxy that knows the names."""
    assert await status(gateway, "whatever.example") == 200
