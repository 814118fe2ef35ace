"""The gateway as a process: how it starts, what it logs, how it ends."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from redis.asyncio import Redis

from tests.gateway.support.frames import CHAT, CHAT_USAGE, DONE
from tests.gateway.support.gateway import chat, fresh_token, gateway_files
from tests.gateway.support.upstream import Line, Seen, Upstream
from tests.gateway.support.wire import connected

CANARY = "canary-5f2b"


@asynccontextmanager
async def process(
    folder: Path, valkey: Path, upstream_port: int, **settings: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run `python -m fairlead_gateway`; kill it where the test did not end it."""
    with gateway_files(folder, upstream_port) as paths:
        given = {"port": "0", "metrics_port": "0", "redis_url": f"unix://{valkey}", **paths, **settings}
        named = {f"FAIRLEAD_GATEWAY_{name.upper()}": str(value) for name, value in given.items()}
        running = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "fairlead_gateway", env={**os.environ, **named}, stderr=asyncio.subprocess.PIPE
        )
    try:
        yield running
    finally:
        if running.returncode is None:
            running.kill()
            await running.wait()


async def listening_port(running: asyncio.subprocess.Process, log: list[dict[str, object]]) -> int:
    """Read the log until the gateway says where it listens."""
    assert running.stderr is not None
    async for line in running.stderr:
        log.append(json.loads(line))
        if log[-1]["event"] == "listening":
            return int(str(log[-1]["port"]))
    raise AssertionError(f"the gateway did not start: {log}")


async def test_serves_drains_and_ends(tmp_path: Path, valkey: Path, redis: Redis, upstream: Upstream) -> None:
    """On SIGTERM a stream under way is finished, then the process ends; the log shows numbers, no words."""
    go_on = asyncio.Event()

    async def in_two_parts(seen: Seen, line: Line) -> None:
        await line.begin_stream()
        await line.piece(CHAT[0] + CHAT[1])
        await go_on.wait()
        await line.piece(b"".join([*CHAT[2:], CHAT_USAGE, DONE]))
        await line.end_stream()

    upstream.script = in_two_parts
    log: list[dict[str, object]] = []
    async with process(tmp_path, valkey, upstream.port) as running:
        port = await listening_port(running, log)
        credential = fresh_token()
        body = json.dumps(chat(stream=True, messages=[{"role": "user", "content": CANARY}])).encode()
        async with connected(port) as wire:
            await wire.post("/v1/chat/completions", body, token=credential)
            await wire.head()
            received = await anext(wire.pieces())
            running.send_signal(signal.SIGTERM)
            go_on.set()
            received += b"".join([piece async for piece in wire.pieces()])
        async with asyncio.timeout(20):
            assert running.stderr is not None
            rest = await running.stderr.read()
            assert await running.wait() == 0
    assert received == b"".join([*CHAT, DONE])
    log += [json.loads(line) for line in rest.splitlines()]
    request = next(line for line in log if line["event"] == "request")
    expected = {"tenant": "acme", "model": "demo", "status": 200, "outcome": "completed", "stream": True}
    assert {name: request[name] for name in expected} == expected
    assert (request["prompt_tokens"], request["completion_tokens"]) == (7, 3)
    told = json.dumps(log)
    assert CANARY not in told
    assert "Hel" not in told
    assert credential not in told


async def test_no_request_enters_the_log(tmp_path: Path, valkey: Path, redis: Redis, upstream: Upstream) -> None:
    """Whatever goes wrong, no prompt, answer, token or key is logged."""
    upstream.script = lambda _seen, line: line.answer(400, "application/json", b'{"error": {"message": "canary-5f2b"}}')
    log: list[dict[str, object]] = []
    async with process(tmp_path, valkey, upstream.port, log_level="debug") as running:
        port = await listening_port(running, log)
        credential = fresh_token()
        bad = f'{{"model": "demo", "{CANARY}": 1, "messages": [{{"role": "user", "content": "{CANARY}"}}]}}'.encode()
        good = json.dumps(chat(messages=[{"role": "user", "content": CANARY}])).encode()
        for body, presented in (
            (bad, credential),
            (good, credential),
            (b"{" + CANARY.encode(), credential),
            (good, CANARY),
        ):
            async with connected(port) as wire:
                await wire.post("/v1/chat/completions", body, token=presented, headers={"Cookie": CANARY})
                assert (await wire.answer()).status in {400, 401}
        async with connected(port) as wire:
            await wire.send(f"GET /{CANARY} HTTP/1.1\r\nHost: {CANARY}\r\nBad header: {CANARY}\r\n\r\n".encode())
            assert (await wire.answer()).status == 400
        running.send_signal(signal.SIGTERM)
        assert running.stderr is not None
        rest = (await running.stderr.read()).decode()
    assert rest.count('"event":"request"') == 4
    assert CANARY not in json.dumps(log) + rest
    assert credential not in json.dumps(log) + rest


@pytest.mark.parametrize(
    "settings, status, words",
    [
        ({"port": "nonsense"}, 2, "FAIRLEAD_GATEWAY_PORT"),
        ({"jwt_key_file": "/nonexistent"}, 1, "/nonexistent"),
        ({"redis_url": "nonsense://"}, 1, "cannot start"),
        ({"traces_endpoint": "http://collector:431800"}, 2, "FAIRLEAD_GATEWAY_TRACES_ENDPOINT"),
        ({"traces_endpoint": "http://[::1/v1/traces"}, 2, "FAIRLEAD_GATEWAY_TRACES_ENDPOINT"),
    ],
)
async def test_says_why_it_cannot_start(
    tmp_path: Path, valkey: Path, settings: dict[str, str], status: int, words: str
) -> None:
    """A gateway that cannot start ends at once with one line that says why."""
    async with process(tmp_path, valkey, 1, **settings) as running:
        assert running.stderr is not None
        async with asyncio.timeout(20):
            told = (await running.stderr.read()).decode()
            assert await running.wait() == status
    assert words in told
    assert "Traceback" not in told


async def test_a_variable_of_opentelemetry_that_makes_no_sense_is_one_line(
    tmp_path: Path, valkey: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What OpenTelemetry's libraries refuse ends the start like any other setting."""
    monkeypatch.setenv("OTEL_PYTHON_EXPORTER_OTLP_HTTP_TRACES_CREDENTIAL_PROVIDER", "nonsense")
    async with process(tmp_path, valkey, 1, traces_endpoint="http://collector:4318/v1/traces") as running:
        assert running.stderr is not None
        async with asyncio.timeout(20):
            told = (await running.stderr.read()).decode()
            assert await running.wait() == 1
    assert "traces cannot be sent" in told
    assert "OTEL_" in told
    assert "Traceback" not in told
