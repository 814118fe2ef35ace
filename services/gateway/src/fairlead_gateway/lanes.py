"""Which way a request goes: inferences go to the pipeline, everything else to the FastAPI application."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from fairlead_gateway.edge import Handler
from fairlead_gateway.endpoints import Endpoint
from fairlead_gateway.hosts import check_host
from fairlead_gateway.reply import Reply
from fairlead_gateway.request import Request

InferenceHandler: TypeAlias = Callable[[Endpoint, Request, Reply], Awaitable[None]]


def lanes(
    endpoints: Mapping[str, Endpoint],
    inference: InferenceHandler,
    rest: Handler,
    *,
    allowed_hosts: frozenset[str] = frozenset(),
) -> Handler:
    """Return the handler that sends each request down its lane, by method and exact path and nothing else.

    Where hosts are given, it raises MisdirectedRequest for every other.
    """

    def handle(request: Request, reply: Reply) -> Awaitable[None]:
        check_host(request, allowed_hosts)
        endpoint = endpoints.get(request.head.path)
        if endpoint is None or request.head.method != "POST":
            return rest(request, reply)
        return inference(endpoint, request, reply)

    return handle
