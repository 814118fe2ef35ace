"""Alerts about a gateway, raised by a real Prometheus that reads it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from tests.gateway.support.gateway import Gateway, chat, running_gateway
from tests.gateway.support.upstream import Line, Seen, Upstream
from tests.sight.prometheus import Prometheus, one_machine, running_prometheus
from tests.support.waiting import eventually

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]


@asynccontextmanager
async def watched(gateway: Gateway, folder: Path) -> AsyncIterator[Prometheus]:
    """Let a Prometheus read a gateway; it is started and asked beside the gateway's event loop."""
    targets = folder / "targets.json"
    targets.write_text(json.dumps([{"targets": [f"127.0.0.1:{gateway.runtime.metrics_port}"]}]))
    prometheus = running_prometheus(folder, one_machine(targets))
    running = await asyncio.to_thread(prometheus.__enter__)
    try:
        read = partial(running.query, "fairlead_limiter_up")
        await asyncio.to_thread(eventually, read, within_s=60, what="the gateway is read")
        yield running
    finally:
        await asyncio.to_thread(prometheus.__exit__, None, None, None)


async def test_a_model_that_fails(gateway: Gateway, upstream: Upstream, tmp_path: Path) -> None:
    """A model that fails every request is paused, and after a minute an alarm names it."""

    async def fail(seen: Seen, line: Line) -> None:
        await line.json({"error": "no"}, status=500)

    upstream.script = fail
    async with watched(gateway, tmp_path) as prometheus:
        for _ in range(6):
            await gateway.ask("/v1/chat/completions", chat())

        alert = await asyncio.to_thread(prometheus.fires, "FairleadModelPaused", within_s=240)

    assert alert["labels"]["model"] == "demo"


async def test_records_that_are_lost(tmp_path: Path, upstream: Upstream) -> None:
    """A gateway without Redis raises an alarm as soon as it drops the first record of the ledger."""
    nowhere = tmp_path / "no.sock"
    async with (
        running_gateway(tmp_path, nowhere, upstream.port, ledger_buffer_records=1) as gateway,
        watched(gateway, tmp_path) as prometheus,
    ):
        for _ in range(3):
            answer = await gateway.ask("/v1/chat/completions", chat())
            assert answer.status == 200

        await asyncio.to_thread(prometheus.fires, "FairleadLedgerLosesRecords", within_s=60)
