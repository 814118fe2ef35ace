"""A gateway whose API server is gone, comes back, or was never there."""

import asyncio
import logging
from pathlib import Path

import pytest
from pydantic import SecretStr

from fairlead_gateway.cluster.config import KEYS_WATCH_S
from fairlead_gateway.runtime import open_runtime
from fairlead_gateway.settings import GatewaySettings
from tests.gateway.cluster.conftest import Start
from tests.gateway.cluster.test_routes import ask, listed, lists
from tests.gateway.support.cluster import Cluster, becomes, breakable_wire
from tests.gateway.support.gateway import Gateway, gateway_files, is_ready
from tests.gateway.test_key_desk import ask as administer
from tests.gateway.test_key_desk import made, opens


def up(gateway: Gateway, source: str, namespace: str) -> bool:
    """Return whether a gateway says that it sees changes as they happen."""
    sample = f'fairlead_cluster_watch_up{{namespace="{namespace}",source="{source}"}} 1.0'
    return sample in gateway.runtime.metrics.render().decode()


async def test_a_gateway_that_loses_its_api_server_goes_on(
    cluster: Cluster, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    """Models, tenants and keys stay in force and the gateway stays ready; what changed meanwhile is caught up with."""
    caplog.set_level(logging.INFO, "fairlead_gateway.cluster")
    await cluster.apply("demo")
    await cluster.apply("gone")
    async with (
        breakable_wire(cluster.control_plane) as wire,
        start(address=f"https://127.0.0.1:{wire.port}") as gateway,
    ):
        key = (await made(gateway))["key"]

        async def sees(*, expected: bool) -> bool:
            return all(
                up(gateway, source, cluster.namespace) is expected for source in ("routes", "tenants", "api-keys")
            )

        await becomes(lambda: sees(expected=True))
        wire.cut()
        await becomes(lambda: sees(expected=False))
        await cluster.apply("next")
        await cluster.delete("gone")
        assert (await ask(gateway, "demo")).status == 200
        assert await listed(gateway) == ["demo", "gone"]
        assert await opens(gateway, key)
        assert await is_ready(gateway)
        refused = await administer(gateway, "POST", body={"tenant": "acme"})
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "keys_unavailable")
        await wire.open()
        await lists(gateway, "demo", "next")
        await becomes(lambda: sees(expected=True))
        assert await opens(gateway, key)
        told = [record.message for record in caplog.records if record.message.startswith("routes of")]
        assert any("cannot be followed" in line and "stays in force" in line for line in told)


async def test_a_silent_watch_ends(cluster: Cluster, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that dies without a word is given up, and the models are listed again."""
    monkeypatch.setattr("fairlead_gateway.cluster.config.WATCH_S", 1.0)
    async with (
        breakable_wire(cluster.control_plane) as wire,
        start(address=f"https://127.0.0.1:{wire.port}") as gateway,
    ):
        wire.freeze()
        await cluster.apply("demo")
        await lists(gateway, "demo")


async def test_a_watch_that_the_server_ends_goes_on_where_it_was(
    cluster: Cluster, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The end of a watch is no failure: nothing is listed again, and nothing is missed."""
    monkeypatch.setattr("fairlead_gateway.cluster.api_server.SLACK_S", 20.0)  # however busy this machine is
    async with start() as gateway:
        async with asyncio.timeout(60):
            for _ in range(2):  # keys are watched for some seconds at a time
                shown = await made(gateway)
                await asyncio.sleep(KEYS_WATCH_S)
                assert await opens(gateway, shown["key"])
        metrics = gateway.runtime.metrics.render().decode()
        lists_of = f'fairlead_cluster_lists_total{{namespace="{cluster.namespace}",result='
        assert f'{lists_of}"ok",source="api-keys"}} 1.0' in metrics
        assert f'{lists_of}"failed"' not in metrics


async def test_a_gateway_that_starts_without_an_api_server(cluster: Cluster, start: Start) -> None:
    """It is alive and not ready, and becomes ready when the API server comes."""
    await cluster.apply("demo")
    async with breakable_wire(cluster.control_plane) as wire:
        wire.cut()
        async with start(address=f"https://127.0.0.1:{wire.port}", awaited=False) as gateway:
            async with gateway.wire() as client:
                await client.send(b"GET /health HTTP/1.1\r\nHost: h\r\n\r\n")
                assert (await client.answer()).status == 200
            assert not await is_ready(gateway)
            await wire.open()
            await becomes(lambda: is_ready(gateway))
            assert await listed(gateway) == ["demo"]


async def test_no_cluster_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway that is in no pod and has no kubeconfig says so, and does not start."""
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "nothing"))
    with gateway_files(tmp_path, 1) as paths:
        settings = GatewaySettings(
            jwt_key_file=paths["jwt_key_file"],
            pepper_file=paths["pepper_file"],
            hop_key_file=paths["hop_key_file"],
            source="kubernetes",
            tenants_config_map="a/b/c",
            api_keys_secret="a/b",
            redis_url=SecretStr("unix:///nonexistent"),
        )
        with pytest.raises(ValueError, match="run in a pod, or set KUBECONFIG"):
            async with open_runtime(settings):
                pass
