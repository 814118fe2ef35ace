"""Whatever the API's own description allows or forbids, no operation answers with a 5xx."""

import asyncio
import queue
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
import uvloop
from hypothesis import HealthCheck, settings

from fairlead_gateway.openapi import document
from tests.gateway.bad_input.sender import engine, opened_gateway
from tests.gateway.builders import token
from tests.gateway.support.gateway import TASKS
from tests.gateway.support.upstream import running_upstream


def aimed() -> dict[str, Any]:
    """Return the description with requests that come past the door: our credentials, and a model that there is."""
    described = document()
    del described["security"], described["components"]["securitySchemes"]
    for schema in described["components"]["schemas"].values():
        if "model" in schema.get("required", ()):
            schema["properties"]["model"] = {"enum": list(TASKS)}
    return described


SCHEMA = schemathesis.openapi.from_dict(aimed())


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory, valkey: Path) -> Iterator[str]:
    """The address of a gateway that runs in a thread of its own, for its clients here block."""
    ports: queue.Queue[int] = queue.Queue()
    over = threading.Event()

    async def run() -> None:
        folder = tmp_path_factory.mktemp("described")
        async with running_upstream(engine) as upstream, opened_gateway(folder, valkey, upstream.port) as gateway:
            ports.put(gateway.port)
            await asyncio.to_thread(over.wait)

    def in_thread() -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(run())

    thread = threading.Thread(target=in_thread)
    thread.start()
    try:
        yield f"http://127.0.0.1:{ports.get(timeout=30)}"
    finally:
        over.set()
        thread.join()


@SCHEMA.parametrize()
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_operation_fails(case: schemathesis.Case[Any], url: str) -> None:
    """Requests made from the description, right and wrong ones, are answered or refused."""
    now = int(time.time())
    credential = token(iat=now, exp=now + 3600, scope="admin")
    answer = case.call(base_url=url, headers={"Authorization": f"Bearer {credential}"}, timeout=30)
    assert answer.status_code < 500, answer.text
