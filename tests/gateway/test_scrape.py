"""The port of the metrics."""

from tests.gateway.support.gateway import Gateway, chat
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
        assert (await wire.answer()).status == 404
    async with gateway.wire() as wire:
        await wire.send(b"GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n")
        assert (await wire.answer()).status == 404
