"""A mixed load through a whole gateway: entries, daily sums, usage API and metrics say the same."""

import asyncio
import json
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
from redis.asyncio import Redis

from fairlead_gateway.ledger.entry import Entry, decode
from fairlead_gateway.ledger.keys import STREAM
from tests.gateway.ledger.gateways import priced_files
from tests.gateway.support.frames import DONE, chat_chunk, data
from tests.gateway.support.gateway import Gateway, chat, fresh_token, running_gateway
from tests.gateway.support.upstream import Line, Seen, Upstream
from tests.support.exposition import Exposition

PATH = "/v1/chat/completions"
SECRET_PROMPT, SECRET_ANSWER, SECRET_ERROR = "canary-of-a-prompt", "canary-of-an-answer", "canary-of-an-error"
ROUNDS = 24
TENANTS_ASKED = ("acme", "globex", "tiny")


async def engine(seen: Seen, line: Line) -> None:
    """Answer as the prompt says: `<kind> <number>`, after its canary."""
    _, kind, number = seen.json["messages"][0]["content"].split()
    usage = {
        "prompt_tokens": 100 + int(number),
        "completion_tokens": 1 + int(number),
        "prompt_tokens_details": {"cached_tokens": int(number) % 7},
    }
    if kind == "failing":
        await line.json({"error": {"message": SECRET_ERROR, "code": 500}}, 500)
    elif kind == "wrong":
        await line.json({"error": {"message": SECRET_ERROR, "code": 400}}, 400)
    elif kind == "aborted":
        await line.begin_stream()
        for _ in range(3):
            await line.piece(chat_chunk(SECRET_ANSWER))
        await line.left()
    elif kind == "streamed":
        await line.stream([chat_chunk(SECRET_ANSWER), data({"choices": [], "usage": usage}), DONE])
    else:
        choice = {"index": 0, "message": {"role": "assistant", "content": SECRET_ANSWER}, "finish_reason": "stop"}
        await line.json({"id": "1", "object": "chat.completion", "choices": [choice], "usage": usage})


def prompt(kind: str, number: int, **fields: Any) -> dict[str, Any]:
    """Return a request that the engine above answers in a certain way."""
    return chat(messages=[{"role": "user", "content": f"{SECRET_PROMPT} {kind} {number}"}], **fields)


async def ask_and_leave(gateway: Gateway, number: int) -> None:
    """Leave after the first frame of a stream."""
    async with gateway.wire() as wire:
        body = json.dumps(prompt("aborted", number, stream=True)).encode()
        await wire.post(PATH, body, token=gateway.token("globex"))
        await wire.head()
        await anext(wire.pieces())
        wire.reset()


async def ask_as_nobody(gateway: Gateway) -> None:
    async with gateway.wire() as wire:
        await wire.post(PATH, json.dumps(prompt("whole", 1)).encode(), token="nobody")
        assert (await wire.answer()).status == 401


async def one_round(gateway: Gateway, number: int) -> None:
    """Send one request of each kind, at once where nothing depends on their order."""
    same = prompt("cached", number, temperature=0)
    await gateway.ask(PATH, same)
    await asyncio.gather(
        gateway.ask(PATH, prompt("whole", number)),
        gateway.ask(PATH, prompt("streamed", number, stream=True)),
        gateway.ask(PATH, same),
        gateway.ask(PATH, prompt("failing", number)),
        gateway.ask(PATH, prompt("wrong", number)),
        gateway.ask(PATH, prompt("whole", number, model="free"), tenant="globex"),
        gateway.ask(PATH, prompt("whole", number, model="absent")),
        gateway.ask(PATH, prompt("whole", number), tenant="tiny"),
        gateway.ask(PATH, prompt("whole", number, wrong_field=1)),
        ask_and_leave(gateway, number),
        ask_as_nobody(gateway),
    )


async def entries_in(redis: Redis) -> list[Entry]:
    found: Any = await redis.xrange(STREAM)
    return [decode(fields[b"entry"]) for _, fields in found]


async def usage_of(gateway: Gateway, tenant: str, by: str) -> dict[str, Any]:
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{gateway.port}") as client:
        headers = {"authorization": f"Bearer {fresh_token(tenant)}"}
        answer = await client.get("/v1/usage", params={"by": by}, headers=headers)
    assert answer.status_code == 200, answer.text
    report: dict[str, Any] = answer.json()
    return report


def added_up(entries: list[Entry]) -> dict[str, Any]:
    """Sum entries by the most obvious means there is."""
    costs = [entry.cost for entry in entries if entry.cost is not None]
    return {
        "requests": len(entries),
        "errors": sum(1 for entry in entries if entry.error),
        "cached_answers": sum(1 for entry in entries if entry.cache in {"hit", "shared"}),
        "input_tokens": sum(entry.input_tokens for entry in entries),
        "cached_input_tokens": sum(entry.cached_input_tokens for entry in entries),
        "output_tokens": sum(entry.output_tokens for entry in entries),
        "audio_seconds": 0,
        "unpriced_requests": sum(1 for entry in entries if entry.measured and entry.cost is None),
        "cost": f"{Decimal(sum(costs)) / 10**9:.9f}" if costs else None,
    }


async def test_everything_that_counts_agrees(tmp_path: Path, valkey: Path, redis: Redis, upstream: Upstream) -> None:
    """After whole, streamed, aborted, failing, cached and refused requests, entries, sums, API and metrics agree to the
    token and the billionth, and no prompt, answer or error text is in Redis' ledger.
    """
    upstream.script = engine
    files = priced_files(tmp_path, upstream.port)
    async with running_gateway(tmp_path, valkey, upstream.port, **files) as gateway:
        for number in range(ROUNDS):
            await one_round(gateway, number)
        await upstream.has_at_most(64)
        await gateway.runtime.drain()
        metrics = gateway.runtime.metrics
    entries = await entries_in(redis)
    assert len(entries) == 11 * ROUNDS
    assert Counter(entry.outcome for entry in entries) == {
        "completed": 4 * ROUNDS + 2,
        "cached": ROUNDS,
        "aborted": ROUNDS,
        "failed": 2 * ROUNDS,
        "refused": 2 * ROUNDS + ROUNDS - 2,
    }
    shown = Exposition(metrics.render().decode())
    for tenant in TENANTS_ASKED:
        assert_metrics_agree(shown, tenant, [entry for entry in entries if entry.tenant == tenant])
    assert shown.total("fairlead_request_total", code="401", tenant="none") == ROUNDS
    assert shown.total("fairlead_ledger_written_total") == len(entries)
    async with running_gateway(tmp_path, valkey, upstream.port, **files) as gateway:
        for tenant in TENANTS_ASKED:
            await assert_usage_agrees(gateway, tenant, [entry for entry in entries if entry.tenant == tenant])
    await assert_nothing_said(redis)


def assert_metrics_agree(shown: Exposition, tenant: str, entries: list[Entry]) -> None:
    """A gateway's counters say what its entries say."""
    for (model, status), count in Counter((entry.model, entry.status) for entry in entries).items():
        labels = {"model": model or "none", "code": str(status)}
        assert shown.total("fairlead_request_total", tenant=tenant, **labels) == count, labels
    sums = added_up(entries)
    for kind, name in (("input", "input_tokens"), ("output", "output_tokens"), ("cached", "cached_input_tokens")):
        assert shown.total(f"fairlead_request_{kind}_tokens_total", tenant=tenant) == sums[name]
    cost = Decimal(repr(shown.total("fairlead_cost_total", tenant=tenant)))
    assert f"{cost:.9f}" == (sums["cost"] or "0.000000000")


async def assert_usage_agrees(gateway: Gateway, tenant: str, entries: list[Entry]) -> None:
    """The usage API says what the entries say, in total and row by row."""
    report = await usage_of(gateway, tenant, "model")
    assert report["total"] == added_up(entries)
    for row in report["data"]:
        of_model = [entry for entry in entries if entry.model == (row["model"] or "")]
        assert {name: row[name] for name in report["total"]} == added_up(of_model)
    assert {row["model"] for row in report["data"]} == {entry.model or None for entry in entries}
    for by in ("day", "key"):
        assert (await usage_of(gateway, tenant, by))["total"] == report["total"]


async def assert_nothing_said(redis: Redis) -> None:
    """No canary is in anything that the ledger keeps."""
    hashes = [key for key in await redis.keys("fairlead:*") if await redis.type(key) == b"hash"]
    kept = [str(await redis.hgetall(key)) for key in hashes] + [str(await redis.xrange(STREAM))]
    assert any("acme" in text for text in kept)
    assert not any("canary" in text for text in kept)
