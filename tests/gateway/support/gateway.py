"""A whole gateway inside a test: real sockets, real files, a real Valkey; upstreams are scripted."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from fairlead_contract.modeldeployment import Task
from fairlead_contract.routing import RouteTable
from fairlead_gateway.runtime import Runtime, open_runtime
from fairlead_gateway.settings import GatewaySettings
from tests.gateway.builders import KEY, PEPPER, route, token
from tests.gateway.support.wire import Answer, Wire, connected

SETTLED_S = 30
HOP_KEY = b"h" * 32
TENANTS = """
plans:
  default: {}
  small: {requestsPerMinute: 2}
  large: {tokensPerMinute: 1000000}
  daily: {tokensPerDay: 400, parallelRequests: 2}
tenants:
  acme: {plan: default}
  globex: {plan: default}
  tiny: {plan: small}
  counted: {plan: large}
  daily: {plan: daily}
"""


@dataclass(frozen=True, slots=True)
class Gateway:
    """A running gateway and what a client needs to talk to it."""

    runtime: Runtime
    port: int

    def token(self, tenant: str = "acme") -> str:
        return fresh_token(tenant)

    @asynccontextmanager
    async def wire(self, *, buffered: int = 2**24) -> AsyncIterator[Wire]:
        async with connected(self.port, buffered=buffered) as wire:
            yield wire

    async def ask(
        self, path: str, document: Any, *, tenant: str = "acme", headers: dict[str, str] | None = None
    ) -> Answer:
        """Send one request on a connection of its own and read the whole answer."""
        async with connected(self.port) as wire:
            await wire.post(path, json.dumps(document).encode(), token=self.token(tenant), headers=headers)
            return await wire.answer()

    async def settled(self) -> None:
        """Wait until what follows the answers has been done."""
        async with asyncio.timeout(SETTLED_S):
            while self.runtime.edge.requests:
                await asyncio.wait(self.runtime.edge.requests)


async def is_ready(gateway: Gateway) -> bool:
    """Return whether a gateway says that traffic may come."""
    async with gateway.wire() as wire:
        await wire.send(b"GET /ready HTTP/1.1\r\nHost: h\r\n\r\n")
        return (await wire.answer()).status == 200


async def reported(gateway: Gateway) -> list[dict[str, Any]]:
    """Return what a gateway tells the operator of its routes."""
    async with connected(gateway.runtime.metrics_port) as wire:
        await wire.send(b"GET /internal/routes HTTP/1.1\r\nHost: h\r\n\r\n")
        answer = await wire.answer()
    assert answer.status == 200, answer.body
    rows: list[dict[str, Any]] = answer.json["routes"]
    return rows


def fresh_token(tenant: str = "acme") -> str:
    """Mint a token that is valid for the next hour."""
    now = int(time.time())
    return token(tenant=tenant, iat=now, exp=now + 3600)


def chat(**fields: Any) -> dict[str, Any]:
    """A chat request."""
    return {"model": "demo", "messages": [{"role": "user", "content": "How are you?"}], **fields}


@contextmanager
def gateway_files(folder: Path, port: int) -> Iterator[dict[str, Path]]:
    """Write every file that a gateway reads."""
    contents = {
        "routes_file": RouteTable(routes=(route("demo", upstream_port=port),)).to_json().encode(),
        "tenants_file": TENANTS.encode(),
        "api_keys_file": b'{"keys": []}',
        "jwt_key_file": KEY,
        "pepper_file": PEPPER,
        "hop_key_file": HOP_KEY,
    }
    paths = {name: folder / name for name in contents}
    for name, content in contents.items():
        paths[name].write_bytes(content)
    yield paths


TASKS: Final[Mapping[str, Task]] = MappingProxyType(
    {"demo": "generate", "embedder": "embed", "reranker": "score", "whisper": "transcribe"}
)
"""A model of each task, by its name."""


def models_of_all_tasks(folder: Path, upstream_port: int) -> Path:
    """Write routes to a model of each task, all of which answer at an upstream's port; return their file."""
    file = folder / "models-of-all-tasks.json"
    routes = tuple(route(name, task=task, upstream_port=upstream_port) for name, task in TASKS.items())
    file.write_text(RouteTable(routes=routes).to_json())
    return file


@asynccontextmanager
async def running_gateway(folder: Path, valkey: Path, upstream_port: int, **settings: Any) -> AsyncIterator[Gateway]:
    """Run a gateway whose one model, `demo`, answers at an upstream's port; it holds no requests unless told to."""
    with gateway_files(folder, upstream_port) as paths:
        held = {"hold_stream_s": 0, "hold_whole_s": 0, "traces_endpoint": None}
        places = {"port": 0, "metrics_port": 0, "redis_url": f"unix://{valkey}", "access_log": False, **paths}
        steady = {"tokens_per_event": 1, "redis_deadline_s": 5.0}  # whatever else this machine does meanwhile
        apart = {"failed_attempts_per_minute": 0}  # tests that fail often are about something else
        async with open_runtime(GatewaySettings(**{**held, **places, **steady, **apart, **settings})) as runtime:
            yield Gateway(runtime, runtime.port)
