"""Sends bodies to a whole gateway, one after another on one connection, and judges the answers."""

import json
from collections.abc import AsyncIterator, Iterable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path

from tests.gateway.bad_input.case import Case
from tests.gateway.checks.test_wrong_requests import VALID
from tests.gateway.support.frames import CHAT_STREAM, MESSAGES_STREAM, RESPONSES_STREAM
from tests.gateway.support.gateway import Gateway, fresh_token, models_of_all_tasks, running_gateway
from tests.gateway.support.upstream import Line, Seen, running_upstream, whole_answer
from tests.gateway.support.wire import Answer, Wire, connected


class Sender:
    """A client that sends whatever it is given."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._token = fresh_token()
        self._stack = AsyncExitStack()
        self._wire: Wire | None = None

    async def send(self, path: str, body: bytes) -> Answer:
        """Send one body; a connection that the gateway closes is replaced."""
        if self._wire is None:
            self._wire = await self._stack.enter_async_context(connected(self._gateway.port))
        await self._wire.post(path, body, token=self._token)
        answer = await self._wire.answer()
        if answer.headers.get("connection") == "close":
            await self.aclose()
        return answer

    async def faults(self, cases: Iterable[Case]) -> list[str]:
        """Send cases; return a line for each that was answered as it must not be."""
        return [fault for case in cases if (fault := await self._fault(case))]

    async def serves(self) -> bool:
        """Return whether the gateway still answers a valid request on every endpoint."""
        answers = [await self.send(path, json.dumps(document).encode()) for path, document in VALID.items()]
        return [answer.status for answer in answers] == [200] * len(VALID)

    async def aclose(self) -> None:
        await self._stack.aclose()
        self._wire = None

    async def _fault(self, case: Case) -> str | None:
        answer = await self.send(case.path, case.body)
        refused = 400 <= answer.status < 500 and len(_message(answer)) > 10
        if refused or (answer.status == 200 and not case.wrong):
            return None
        return f"{case.path} {case.name}: {answer.status} {answer.body[:200]!r} for {case.body[:200]!r}"


def _message(answer: Answer) -> str:
    return str(answer.json["error"]["message"])


_STREAMS = {
    "/v1/chat/completions": CHAT_STREAM,
    "/v1/completions": CHAT_STREAM,
    "/v1/responses": RESPONSES_STREAM,
    "/v1/messages": MESSAGES_STREAM,
}


async def engine(seen: Seen, line: Line) -> None:
    """Answer as an engine that finds nothing wrong."""
    if seen.headers["content-type"].startswith("multipart/"):
        await line.json({"text": "hear, hear"})
    elif seen.json.get("stream"):
        await line.stream([_STREAMS["/" + seen.path.split("/", 2)[2]]])
    else:
        await whole_answer(seen, line)


def opened_gateway(folder: Path, valkey: Path, upstream_port: int) -> AbstractAsyncContextManager[Gateway]:
    """Run a gateway before a model of each task."""
    routes = models_of_all_tasks(folder, upstream_port)
    return running_gateway(folder, valkey, upstream_port, routes_file=routes)


@asynccontextmanager
async def opened_sender(folder: Path, valkey: Path) -> AsyncIterator[Sender]:
    """Run a gateway before an engine that takes everything."""
    async with running_upstream(engine) as upstream, opened_gateway(folder, valkey, upstream.port) as gateway:
        sender = Sender(gateway)
        yield sender
        await sender.aclose()
