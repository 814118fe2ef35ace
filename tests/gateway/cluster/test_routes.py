"""ModelDeployments on a real API server, and what a gateway that watches them answers."""

import asyncio
import json
import logging
from typing import Any

import pytest

from fairlead_contract.hop import hop_secret
from fairlead_contract.names import HOP_HEADER
from tests.gateway.cluster.conftest import Start
from tests.gateway.support.cluster import Cluster, becomes
from tests.gateway.support.frames import CHAT, CHAT_USAGE, DONE
from tests.gateway.support.gateway import HOP_KEY, Gateway, chat, reported
from tests.gateway.support.upstream import Line, Seen, Upstream
from tests.gateway.support.wire import Answer

CHAT_PATH = "/v1/chat/completions"


async def ask(gateway: Gateway, model: str, **fields: Any) -> Answer:
    return await gateway.ask(CHAT_PATH, chat(model=model, **fields))


async def refusal(gateway: Gateway, model: str) -> tuple[int, str]:
    """Ask a model, and return the status and the code of the error."""
    answer = await ask(gateway, model)
    return answer.status, answer.json.get("error", {}).get("code", "")


async def listed(gateway: Gateway) -> list[str]:
    async with gateway.wire() as wire:
        head = f"GET /v1/models HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {gateway.token()}\r\n\r\n"
        await wire.send(head.encode())
        answer = await wire.answer()
        return [model["id"] for model in answer.json["data"]] if answer.status == 200 else []


async def lists(gateway: Gateway, *names: str) -> None:
    """Wait until a gateway lists exactly these names, in whatever order."""

    async def does() -> bool:
        return sorted(await listed(gateway)) == sorted(names)

    await becomes(does)


async def row(gateway: Gateway, name: str) -> dict[str, Any] | None:
    """Return what a gateway tells the operator of a model."""
    return next((each for each in await reported(gateway) if each["name"] == name), None)


async def tells(gateway: Gateway, name: str, **expected: Any) -> None:
    """Wait until a gateway tells the operator so of a model."""

    async def does() -> bool:
        found = await row(gateway, name)
        return found is not None and {key: found[key] for key in expected} == expected

    await becomes(does)


async def test_a_model_that_is_applied_answers(cluster: Cluster, start: Start, upstream: Upstream) -> None:
    """A ModelDeployment is routed, below its prefix and with the hop secret of its namespace and name."""
    async with start() as gateway:
        assert await listed(gateway) == []
        applied = await cluster.apply("demo", model={"name": "org/Demo", "aliases": ["small"]})
        await lists(gateway, "org/Demo", "small")
        assert (await ask(gateway, "small")).status == 200
        assert upstream.seen[-1].path == "/demo/v1/chat/completions"
        assert upstream.seen[-1].headers[HOP_HEADER] == hop_secret(HOP_KEY, f"{cluster.namespace}/demo")
        assert applied["metadata"]["generation"] == 1
        expected = {"namespace": cluster.namespace, "name": "demo", "generation": 1, "state": "routed", "running": 0}
        assert await reported(gateway) == [expected]
        metrics = gateway.runtime.metrics.render().decode()
        assert f'fairlead_request_total{{code="200",model="{cluster.namespace}/demo"' in metrics


async def test_what_was_there_before_the_gateway_is_routed_when_it_is_ready(cluster: Cluster, start: Start) -> None:
    """Readiness means that all models have been listed."""
    for name in ("a", "b", "c"):
        await cluster.apply(name)
    async with start() as gateway:
        assert await listed(gateway) == ["a", "b", "c"]


async def test_an_alias_is_renamed(cluster: Cluster, start: Start) -> None:
    """A new alias leads to the model, the old one nowhere, and the operator sees the generation that is routed."""
    await cluster.apply("demo", model={"aliases": ["old"]})
    async with start() as gateway:
        assert (await ask(gateway, "old")).status == 200
        edited = await cluster.edit("demo", model={"aliases": ["new"]})
        await tells(gateway, "demo", generation=edited["metadata"]["generation"])
        assert edited["metadata"]["generation"] == 2
        assert (await ask(gateway, "new")).status == 200
        assert await refusal(gateway, "old") == (404, "model_not_found")


async def test_a_status_changes_no_route(cluster: Cluster, start: Start) -> None:
    """What the operator writes into a status is not the gateway's concern, and does not get in its way."""
    await cluster.apply("demo")
    async with start() as gateway:
        before = gateway.runtime.config.routes.value
        status = {"phase": "Ready", "ready": "1/1", "observedGeneration": 1}
        path = f"/apis/fairlead.dev/v1alpha1/namespaces/{cluster.namespace}/modeldeployments/demo"
        await cluster.change(f"{path}/status", {"status": status})
        await cluster.apply("next")
        await lists(gateway, "demo", "next")
        assert gateway.runtime.config.routes.value.by_name["demo"] is before.by_name["demo"]
        await cluster.edit("demo", model={"aliases": ["more"]})
        await lists(gateway, "demo", "more", "next")


async def test_a_suspended_model_is_listed_and_says_so(cluster: Cluster, start: Start) -> None:
    """Suspension is told with a code of its own, and ends as soon as the owner ends it."""
    await cluster.apply("demo", suspend=True)
    async with start() as gateway:
        assert await listed(gateway) == ["demo"]
        assert await refusal(gateway, "demo") == (503, "model_suspended")
        await tells(gateway, "demo", state="suspended", generation=1)
        await cluster.edit("demo", suspend=False)
        await tells(gateway, "demo", state="routed", generation=2)
        assert (await ask(gateway, "demo")).status == 200


async def test_a_model_is_deleted_under_a_stream(cluster: Cluster, start: Start, upstream: Upstream) -> None:
    """The stream ends well, new requests are told, and the operator sees when nobody is left behind."""
    go_on = asyncio.Event()

    async def in_two_parts(seen: Seen, line: Line) -> None:
        await line.begin_stream()
        await line.piece(CHAT[0])
        await go_on.wait()
        await line.piece(b"".join([*CHAT[1:], CHAT_USAGE, DONE]))
        await line.end_stream()

    upstream.script = in_two_parts
    await cluster.apply("demo", held=True)
    async with start() as gateway, gateway.wire() as wire:
        await wire.post(CHAT_PATH, json.dumps(chat(stream=True)).encode(), token=gateway.token())
        await wire.head()
        received = await anext(wire.pieces())
        await cluster.delete("demo")
        await tells(gateway, "demo", state="draining", running=1)
        assert await listed(gateway) == []
        refused = await ask(gateway, "demo")
        assert (refused.status, refused.json["error"]["code"]) == (404, "model_not_found")
        assert "is being deleted" in refused.json["error"]["message"]
        go_on.set()
        received += b"".join([piece async for piece in wire.pieces()])
        assert received == b"".join([*CHAT, DONE])
        await tells(gateway, "demo", state="draining", running=0)
        await cluster.release("demo")

        async def is_gone() -> bool:
            return await row(gateway, "demo") is None

        await becomes(is_gone)
        assert "does not exist" in (await ask(gateway, "demo")).json["error"]["message"]


async def test_a_model_that_does_not_answer_yet_is_listed_and_woken(
    cluster: Cluster, start: Start, upstream: Upstream
) -> None:
    """A request to a model at zero is held, wakes it, and is answered; meanwhile the model stays listed."""
    woken, there = asyncio.Event(), asyncio.Event()

    async def at_zero(seen: Seen, line: Line) -> None:
        if not there.is_set():
            woken.set()
            await line.answer(404, "text/plain", b"Path not found.")
        elif seen.path == "/demo/health":
            await line.answer(200, "text/plain", b"")
        else:
            await line.json({"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 0, "total_tokens": 1}})

    upstream.script = at_zero
    await cluster.apply("demo", scaling={"minReplicas": 0, "maxReplicas": 1})
    async with start(hold_whole_s=20) as gateway:
        asked = asyncio.create_task(ask(gateway, "demo"))
        await woken.wait()
        await tells(gateway, "demo", state="cold", running=1)
        assert await listed(gateway) == ["demo"]
        there.set()
        assert (await asked).status == 200


async def test_a_name_stays_with_the_oldest(cluster: Cluster, start: Start, upstream: Upstream) -> None:
    """A name that is claimed twice leads to the older model, until that is deleted."""
    await cluster.apply("older", model={"name": "chat"}, held=True)
    await asyncio.sleep(1.1)  # ages are counted in whole seconds
    await cluster.apply("younger", model={"name": "chat", "aliases": ["more"]})
    await asyncio.sleep(1.1)  # as above
    await cluster.apply("a-youngest", model={"name": "chat"})
    async with start() as gateway:
        assert await listed(gateway) == ["chat", "more"]
        assert (await ask(gateway, "chat")).status == 200
        assert upstream.seen[-1].path.startswith("/older/")
        assert (await ask(gateway, "more")).status == 200
        assert upstream.seen[-1].path.startswith("/younger/")
        await tells(gateway, "a-youngest", state="name_taken")
        await cluster.delete("older")
        await tells(gateway, "older", state="draining")
        assert (await ask(gateway, "chat")).status == 200
        assert upstream.seen[-1].path.startswith("/younger/")
        assert await listed(gateway) == ["chat", "more"]


async def test_a_model_that_the_contract_refuses(
    cluster: Cluster, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    """It is not routed, the log says why, once, and it disturbs no other."""
    caplog.set_level(logging.WARNING, "fairlead_gateway.cluster")
    await cluster.apply("good")
    await cluster.apply("wrong", engine={"arguments": {"max-modl-len": 1}})
    async with start() as gateway:
        assert await listed(gateway) == ["good"]
        metadata = {"metadata": {"labels": {"touched": "yes"}}}
        path = f"/apis/fairlead.dev/v1alpha1/namespaces/{cluster.namespace}/modeldeployments/wrong"
        await cluster.change(path, metadata)
        await cluster.apply("next")
        await lists(gateway, "good", "next")
        told = [record.message for record in caplog.records if "max-modl-len" in record.message]
        assert len(told) == 1
        assert f"model {cluster.namespace}/wrong" in told[0]
        assert "it is not routed" in told[0]
        assert 'fairlead_cluster_models{state="refused"} 1.0' in gateway.runtime.metrics.render().decode()
        await cluster.edit("wrong", engine={"arguments": {"max-modl-len": None, "max-model-len": 512}})
        await lists(gateway, "good", "wrong", "next")


async def test_a_wrong_edit_takes_no_model_away(cluster: Cluster, start: Start) -> None:
    """What was applied before a mistake stays in force, in its generation; deleting it still drains it."""
    await cluster.apply("demo", held=True)
    async with start() as gateway:
        await cluster.edit("demo", engine={"arguments": {"max-modl-len": 1}})
        await cluster.apply("next")
        await lists(gateway, "demo", "next")
        await tells(gateway, "demo", state="routed", generation=1)
        await cluster.delete("demo")
        await tells(gateway, "demo", state="draining")


async def test_namespaces_that_are_not_watched(cluster: Cluster, start: Start) -> None:
    """With rights in one namespace alone, a gateway serves that one; several are watched side by side."""
    async with start() as gateway:
        other = f"{cluster.namespace}-other"
        await cluster.make("/api/v1/namespaces", {"metadata": {"name": other}})
        await cluster.apply("theirs", namespace=other)
        await cluster.apply("ours")
        await lists(gateway, "ours")
        async with start(everywhere=True, namespaces=(cluster.namespace, other)) as both:
            assert sorted(await listed(both)) == ["ours", "theirs"]
        async with start(everywhere=True, namespaces=()) as everything:
            assert {"ours", "theirs"} <= set(await listed(everything))
        async with start(namespaces=(cluster.namespace, other), awaited=False) as forbidden:
            await lists(forbidden, "ours")
            async with forbidden.wire() as wire:
                await wire.send(b"GET /ready HTTP/1.1\r\nHost: h\r\n\r\n")
                assert (await wire.answer()).json == {"status": "starting"}


async def test_two_models_of_one_name(cluster: Cluster, start: Start, upstream: Upstream) -> None:
    """Models of the same name in two namespaces are two models, with limits and secrets of their own."""
    other = f"{cluster.namespace}-other"
    await cluster.make("/api/v1/namespaces", {"metadata": {"name": other}})
    await cluster.apply("demo", model={"name": "ours"}, limits={"requestsPerMinute": 1})
    await cluster.apply("demo", namespace=other, model={"name": "theirs"})
    async with start(everywhere=True, namespaces=(cluster.namespace, other)) as gateway:
        assert [(await ask(gateway, "ours")).status for _ in range(2)] == [200, 429]
        ours = upstream.seen[-1].headers[HOP_HEADER]
        assert [(await ask(gateway, "theirs")).status for _ in range(2)] == [200, 200]
        assert upstream.seen[-1].headers[HOP_HEADER] == hop_secret(HOP_KEY, f"{other}/demo") != ours
