"""The port of the metrics."""

import asyncio
from pathlib import Path

from fairlead_contract.routing import RouteTable
from tests.gateway.builders import route
from tests.gateway.support.frames import CHAT_STREAM
from tests.gateway.support.gateway import Gateway, chat, reported
from tests.gateway.support.upstream import Line, Seen, Upstream
from tests.gateway.support.wire import connected


async def test_serves_metrics_apart(gateway: Gateway) -> None:
    """Metrics are served on their own port, and neither port serves what is the other's."""
    await gateway.ask("/v1/chat/completions", chat())
    async with connected(gateway.runtime.metrics_port) as wire:
        await wire.send(b"GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n")
        answer = await wire.answer()
        assert answer.status == 200
        assert answer.headers["content-type"].startswith("text/plain")
        assert b"fairlead_request_total" in answer.body
        await wire.send(b"GET /v1/models HTTP/1.1\r\nHost: h\r\n\r\n")
        refused = await wire.answer()
        assert (refused.status, refused.json["error"]["code"]) == (404, "unknown_url")
    async with gateway.wire() as wire:
        await wire.send(b"GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n")
        assert (await wire.answer()).status == 404


async def test_tells_what_it_routes(gateway: Gateway, upstream: Upstream, tmp_path: Path) -> None:
    """Each model is told with its state and its requests under way; the API does not tell it."""
    go_on = asyncio.Event()

    async def slowly(seen: Seen, line: Line) -> None:
        await go_on.wait()
        await line.stream([CHAT_STREAM])

    upstream.script = slowly
    asked = asyncio.create_task(gateway.ask("/v1/chat/completions", chat(stream=True)))
    await upstream.arrived.wait()
    demo = {"namespace": None, "name": "demo", "generation": None, "state": "routed", "running": 1}
    assert await reported(gateway) == [demo]
    go_on.set()
    assert (await asked).status == 200
    assert await reported(gateway) == [demo | {"running": 0}]
    table = RouteTable(
        routes=(
            route("a", suspended=True),
            route("b", draining=True),
            route("c", created_at=1_800_000_000, served_name="a", namespace="team", generation=3),
        )
    )
    (tmp_path / "routes_file").write_text(table.to_json())
    expected = [("a", "suspended"), ("b", "draining"), ("c", "name_taken")]
    async with asyncio.timeout(5):
        while [(row["name"], row["state"]) for row in await reported(gateway)] != expected:
            pass
    async with gateway.wire() as wire:
        await wire.send(b"GET /internal/routes HTTP/1.1\r\nHost: h\r\n\r\n")
        assert (await wire.answer()).status == 404
