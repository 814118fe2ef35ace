"""Counts what an operator writes, and kills it after some write."""

import ssl
from dataclasses import dataclass, field

import httpx2

from tests.cluster.control_plane import ControlPlane

READS = frozenset({"GET", "HEAD"})


class Killed(BaseException):
    """The operator's process is no more; nothing in it may catch this."""


@dataclass(slots=True)
class Writes:
    """Every request that changes something; one that meets what is there already changes nothing."""

    seen: list[str] = field(default_factory=list)
    fatal: int | None = None
    """The number of the write after which the operator is killed, counted from 1."""


class Watched(httpx2.AsyncBaseTransport):
    """The way to the API server, on which writes are seen."""

    def __init__(self, control_plane: ControlPlane, writes: Writes) -> None:
        trust = ssl.create_default_context(cafile=str(control_plane.folder / "ca.pem"))
        self._way = httpx2.AsyncHTTPTransport(verify=trust)
        self._writes = writes

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        answer = await self._way.handle_async_request(request)
        if request.method not in READS and answer.status_code != httpx2.codes.CONFLICT:
            self._writes.seen.append(f"{request.method} {request.url.path}")
            if len(self._writes.seen) == self._writes.fatal:
                await answer.aclose()
                raise Killed
        return answer

    async def aclose(self) -> None:
        await self._way.aclose()
