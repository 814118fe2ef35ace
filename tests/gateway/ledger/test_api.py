"""`/v1/usage` and `/v1/requests/{id}`: who sees what."""

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from redis.asyncio import Redis

from fairlead_gateway.app import create_app
from fairlead_gateway.ledger.keys import STREAM
from fairlead_gateway.ledger.reader import LedgerReader
from tests.gateway.builders import catalog, lost_redis, token
from tests.gateway.ledger.gateways import priced_files
from tests.gateway.support.gateway import Gateway, chat, fresh_token, running_gateway
from tests.gateway.support.upstream import Upstream
from tests.gateway.test_app import Running

PATH = "/v1/chat/completions"


@pytest.fixture
async def priced(tmp_path: Path, valkey: Path, redis: Redis, upstream: Upstream) -> AsyncIterator[Gateway]:
    """A gateway with prices, through which acme has asked `mine` and globex `theirs`."""
    async with running_gateway(tmp_path, valkey, upstream.port, **priced_files(tmp_path, upstream.port)) as gateway:
        await gateway.ask(PATH, chat(), headers={"X-Request-Id": "mine"})
        await gateway.ask(PATH, chat(model="free"), tenant="globex", headers={"X-Request-Id": "theirs"})
        await gateway.ask(PATH, chat(model="absent"), headers={"X-Request-Id": "refused"})
        seen, last = 0, b"0"
        while seen < 3:
            found: Any = await redis.xread({STREAM: last}, block=10_000)
            entries = found[0][1]
            seen, last = seen + len(entries), entries[-1][0]
        yield gateway


def admin_token(tenant: str = "acme") -> str:
    now = int(time.time())
    return token(tenant=tenant, iat=now, exp=now + 3600, scope="openid admin")


async def get(gateway: Gateway, path: str, credential: str, **query: str) -> httpx2.Response:
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{gateway.port}") as client:
        return await client.get(path, params=query, headers={"authorization": f"Bearer {credential}"})


async def test_the_owner_learns_why(priced: Gateway) -> None:
    """A request's owner sees its numbers, its price and a sentence, and nothing of what was said."""
    shown: dict[str, Any] = (await get(priced, "/v1/requests/mine", fresh_token())).json()
    assert shown.pop("received_at").endswith("Z")
    times = [shown.pop(name) for name in ("queue_ms", "ttft_ms", "total_ms")]
    assert times == sorted(times)
    assert shown == {
        "object": "request",
        "id": "mine",
        "explanation": "The model answered to the end; what the engine counted is charged.",
        "tenant": "acme",
        "key": None,
        "subject": "ann",
        "model": "demo",
        "revision": "r1",
        "route": PATH,
        "stream": False,
        "status": 200,
        "outcome": "completed",
        "error": None,
        "cache": "bypass",
        "usage": {"input_tokens": 7, "cached_input_tokens": 0, "output_tokens": 3, "audio_seconds": 0},
        "cost": "0.000003534",
    }


async def test_a_refusal_is_explained(priced: Gateway) -> None:
    """Why a request did not run is told, and that it was not charged."""
    shown = (await get(priced, "/v1/requests/refused", fresh_token())).json()
    assert (shown["status"], shown["error"], shown["outcome"]) == (404, "model_not_found", "refused")
    assert "refused with 404 `model_not_found`" in shown["explanation"]
    assert (shown["usage"], shown["cost"], shown["model"]) == (None, None, None)


@pytest.mark.parametrize("status, code", [(400, "invalid_request"), (500, "upstream_failed")])
async def test_a_failure_is_explained(
    priced: Gateway, upstream: Upstream, redis: Redis, status: int, code: str
) -> None:
    """An engine's error is told with its code, without its words, and costs nothing."""
    upstream.script = lambda _seen, line: line.json({"error": {"message": "canary", "code": status}}, status)
    await gateway_asks(priced, redis, "failing")
    shown = (await get(priced, "/v1/requests/failing", fresh_token())).json()
    assert (shown["outcome"], shown["error"], shown["usage"], shown["cost"]) == ("failed", code, None, "0.000000000")
    assert f"`{code}`; nothing is charged." in shown["explanation"]
    assert "canary" not in str(shown)


async def gateway_asks(gateway: Gateway, redis: Redis, name: str) -> None:
    """Ask under an id, and wait until the ledger has it."""
    before: Any = await redis.xinfo_stream(STREAM)
    await gateway.ask(PATH, chat(), headers={"X-Request-Id": name})
    assert await redis.xread({STREAM: before["last-generated-id"]}, block=10_000)


async def test_others_requests_do_not_exist(priced: Gateway) -> None:
    """A foreigner gets the same 404 for a request of others as for one that never was, whatever tenant it names."""
    answers = [
        await get(priced, "/v1/requests/theirs", fresh_token()),
        await get(priced, "/v1/requests/nobody", fresh_token()),
        await get(priced, "/v1/requests/theirs", fresh_token(), tenant="globex"),
        await get(priced, "/v1/requests/theirs", admin_token()),
    ]
    assert {answer.status_code for answer in answers} == {404}
    texts = {answer.json()["error"]["message"].replace("nobody", "theirs") for answer in answers}
    assert len(texts) == 1
    assert (await get(priced, "/v1/requests/theirs", "nobody")).status_code == 401


async def test_an_admin_sees_others_requests(priced: Gateway) -> None:
    """An admin names the tenant whose request it is; use without a price has none."""
    shown = (await get(priced, "/v1/requests/theirs", admin_token(), tenant="globex")).json()
    assert (shown["tenant"], shown["model"], shown["cost"]) == ("globex", "free", None)
    assert shown["usage"]["output_tokens"] == 3


async def test_a_tenant_sees_its_own_use(priced: Gateway) -> None:
    """Sums are the caller's tenant's, by model with what has no name last known as null."""
    report = (await get(priced, "/v1/usage", fresh_token(), by="model")).json()
    assert [(row["tenant"], row["model"], row["requests"]) for row in report["data"]] == [
        ("acme", None, 1),
        ("acme", "demo", 1),
    ]
    assert (report["tenant"], report["total"]["cost"], report["total"]["errors"]) == ("acme", "0.000003534", 1)
    theirs = (await get(priced, "/v1/usage", fresh_token("globex"))).json()
    assert (theirs["total"]["cost"], theirs["total"]["unpriced_requests"]) == (None, 1)


async def test_an_admin_sees_everybodys_use(priced: Gateway) -> None:
    """An admin may see another tenant's sums, or all of them, each tenant on rows of its own."""
    report = (await get(priced, "/v1/usage", admin_token(), by="key", tenant="*")).json()
    assert [(row["tenant"], row["key"], row["requests"]) for row in report["data"]] == [
        ("acme", None, 2),
        ("globex", None, 1),
    ]
    assert report["total"]["requests"] == 3
    foreign = await get(priced, "/v1/usage", fresh_token(), tenant="globex")
    assert (foreign.status_code, foreign.json()["error"]["code"]) == (403, "permission_denied")


async def test_a_wrong_question_is_a_400(priced: Gateway) -> None:
    """The API says what is wrong with a question, in its envelope."""
    answer = await get(priced, "/v1/usage", fresh_token(), by="hour")
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "by")
    assert (await get(priced, "/v1/usage", fresh_token(), api_key="x")).status_code == 401


async def test_a_lost_redis_is_told() -> None:
    """Without Redis the ledger is unavailable for a moment, which is no mistake of the client."""
    transport = httpx2.ASGITransport(app=create_app(Running(catalog())))
    headers = {"authorization": f"Bearer {token()}"}
    async with httpx2.AsyncClient(transport=transport, base_url="http://gateway", headers=headers) as client:
        answers = [await client.get("/v1/usage"), await client.get("/v1/requests/mine")]
    assert [(answer.status_code, answer.json()["error"]["code"]) for answer in answers] == [
        (503, "ledger_unavailable")
    ] * 2
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in answers)


def test_the_answers_are_documented() -> None:
    """OpenAPI describes parameters and answers of both routes."""
    document = create_app(Running(catalog(), ledger=LedgerReader(lost_redis(), entry_days=7))).openapi()
    usage, request = (document["paths"][path]["get"] for path in ("/v1/usage", "/v1/requests/{request_id}"))
    assert {parameter["name"] for parameter in usage["parameters"]} == {"from", "to", "by", "tenant"}
    assert {parameter["name"] for parameter in request["parameters"]} == {"request_id", "tenant"}
    for schema in ("UsageReport", "UsageRow", "Amounts", "RequestReport", "RequestUsage"):
        assert document["components"]["schemas"][schema]["description"]
