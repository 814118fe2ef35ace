"""API keys in a Secret and tenants in a ConfigMap, of gateways that share them."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
from lightkube.config.kubeconfig import KubeConfig

from fairlead_contract.api_keys import KeyWanted
from fairlead_contract.errors import KeysUnavailable
from fairlead_contract.key_register import KeyRegister
from fairlead_contract.key_secret import MAX_SECRET_BYTES, KeysInSecret
from fairlead_gateway.cluster.key_secret import ClusterKeySecret
from fairlead_gateway.settings import InCluster
from tests.gateway.builders import PEPPER
from tests.gateway.cluster.conftest import Start
from tests.gateway.support.cluster import Cluster, becomes, breakable_wire
from tests.gateway.support.gateway import Gateway, chat, fresh_token
from tests.gateway.test_key_desk import KEYS, ask, made, opens

IN_FORCE_S = 5
"""Within which a change of keys is in force on every gateway."""


async def opens_within(gateway: Gateway, key: str, *, expected: bool) -> None:
    """Wait until a key opens, or opens nothing any more."""

    async def is_so() -> bool:
        return await opens(gateway, key) is expected

    await becomes(is_so, within_s=IN_FORCE_S)


async def test_a_key_is_in_force_on_every_gateway(cluster: Cluster, start: Start) -> None:
    """A key works at once where it was made, and within 5 s everywhere; so does its revocation."""
    async with start() as one, start() as two:
        shown = await made(one, name="ci")
        assert await opens(one, shown["key"])
        await opens_within(two, shown["key"], expected=True)
        stored = await cluster.stored_keys()
        assert [record["id"] for record in stored["keys"]] == [shown["id"]]
        assert shown["key"].split("-", 2)[2] not in str(stored)
        await ask(two, "DELETE", f"{KEYS}/{shown['id']}")
        assert not await opens(two, shown["key"])
        await opens_within(one, shown["key"], expected=False)


async def test_a_key_is_revoked_behind_a_silent_connection(cluster: Cluster, start: Start) -> None:
    """Where the connection of a watch dies without a word, a revoked key still opens nothing after 5 s."""
    async with (
        breakable_wire(cluster.control_plane) as wire,
        start() as one,
        start(address=f"https://127.0.0.1:{wire.port}") as two,
    ):
        shown = await made(one)
        await opens_within(two, shown["key"], expected=True)
        wire.freeze()
        await ask(one, "DELETE", f"{KEYS}/{shown['id']}")
        await opens_within(two, shown["key"], expected=False)


async def test_keys_made_at_once_are_all_kept(cluster: Cluster, start: Start) -> None:
    """Gateways that change keys at the same moment lose none of them."""
    async with start() as one, start() as two:
        shown = await asyncio.gather(*(made(gateway) for gateway in (one, two) for _ in range(8)))
        stored = await cluster.stored_keys()
        assert {record["id"] for record in stored["keys"]} == {each["id"] for each in shown}
        for gateway in (one, two):
            for each in shown:
                await opens_within(gateway, each["key"], expected=True)


async def test_other_entries_of_the_secret_stay(cluster: Cluster, start: Start) -> None:
    """A gateway changes its own entry, and nothing else of the Secret."""
    path = f"{cluster.core}/secrets/api-keys"
    await cluster.change(path, {"stringData": {"note": "ours"}, "metadata": {"labels": {"team": "a"}}})
    async with start() as gateway:
        await made(gateway)
    secret: dict[str, Any] = (await cluster.admin.get(path)).json()
    assert set(secret["data"]) == {"note", "api-keys.json"}
    assert secret["metadata"]["labels"] == {"team": "a"}


async def test_a_secret_that_holds_something_else(cluster: Cluster, start: Start) -> None:
    """Where the entry is broken, changes are refused, and keys that are known go on working."""
    async with start() as gateway:
        shown = await made(gateway)
        await cluster.change(f"{cluster.core}/secrets/api-keys", {"stringData": {"api-keys.json": "{"}})
        refused = await ask(gateway, "POST", body={"tenant": "acme"})
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "keys_unavailable")
        assert "holds no API keys" in refused.json()["error"]["message"]

        async def is_told() -> bool:
            return 'fairlead_config_reloads_total{file="api-keys",result="failed"}' in _metrics(gateway)

        await becomes(is_told)
        assert await opens(gateway, shown["key"])


async def test_a_secret_that_is_gone(cluster: Cluster, start: Start) -> None:
    """Who deletes the Secret revokes nothing by accident, and is told how to make it again."""
    async with start() as gateway:
        shown = await made(gateway)
        assert (await cluster.admin.delete(f"{cluster.core}/secrets/api-keys")).is_success
        refused = await ask(gateway, "POST", body={"tenant": "acme"})
        assert "kubectl create secret generic api-keys" in refused.json()["error"]["message"]
        assert await opens(gateway, shown["key"])
        await cluster.make(f"{cluster.core}/secrets", {"metadata": {"name": "api-keys"}})
        await opens_within(gateway, shown["key"], expected=False)


async def test_a_full_secret(cluster: Cluster, tmp_path: Path) -> None:
    """More keys than the API server takes are refused with what to do."""
    config = KubeConfig.from_file(await cluster.kubeconfig(tmp_path)).get()
    assert config is not None
    secret = ClusterKeySecret(config, InCluster(cluster.namespace, "api-keys"))
    store = KeysInSecret(secret)
    _, record = KeyRegister(store, PEPPER).create(KeyWanted(tenant="acme"), now=datetime.now(UTC))
    many = (record,) * (MAX_SECRET_BYTES // len(record.model_dump_json()) + 1)
    with pytest.raises(KeysUnavailable, match="is full; remove keys"):
        store.change(lambda keys: (keys.model_copy(update={"keys": many}), None))
    assert len(store.read().keys) == 1
    secret.close()


async def test_tenants_follow_their_config_map(cluster: Cluster, start: Start) -> None:
    """A tenant that is declared is known within seconds; a mistake changes nothing, and is told."""
    async with start() as gateway:
        await cluster.apply("demo")
        new = fresh_token("initech")
        assert not await opens(gateway, new)
        await cluster.declare_tenants(
            "{plans: {default: {}}, tenants: {acme: {plan: default}, initech: {plan: default}}}"
        )
        await opens_within(gateway, new, expected=True)
        await cluster.declare_tenants("{plans: {}, tenants: {acme: {plan: default}}}")

        async def is_told() -> bool:
            return 'fairlead_config_reloads_total{file="tenants",result="failed"} 1.0' in _metrics(gateway)

        await becomes(is_told)
        assert await opens(gateway, new)


async def test_prices_name_a_model_with_its_namespace(cluster: Cluster, start: Start) -> None:
    """A price is for one model, and its use is priced."""
    price = "{input: 1.0, output: 1.0}"
    await cluster.declare_tenants(
        "{plans: {default: {}}, tenants: {acme: {plan: default}}, "
        f"prices: {{{cluster.namespace}/demo: {price}}}}}"
    )
    await cluster.apply("demo")
    async with start() as gateway:

        async def answers() -> bool:
            return (await gateway.ask("/v1/chat/completions", chat())).status == 200

        await becomes(answers)
        sums = f'fairlead_cost_total{{model="{cluster.namespace}/demo",tenant="acme"}}'
        assert sums in _metrics(gateway)

        async def is_summed() -> bool:
            async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{gateway.port}") as client:
                answer = await client.get("/v1/usage?by=model", headers={"authorization": f"Bearer {gateway.token()}"})
            return f"{cluster.namespace}/demo" in answer.text

        await becomes(is_summed)


def _metrics(gateway: Gateway) -> str:
    return gateway.runtime.metrics.render().decode()
