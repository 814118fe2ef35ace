"""Serves `/metrics`, on a port of its own and with the same strictness as the API."""

import asyncio
from typing import Final

from prometheus_client import CONTENT_TYPE_LATEST

from fairlead_contract.errors import UnknownRoute
from fairlead_gateway.edge import Handler
from fairlead_gateway.metrics import GatewayMetrics
from fairlead_gateway.reply import Header, Reply
from fairlead_gateway.request import Request

PATH: Final = "/metrics"
_HEADERS: Final[tuple[Header, ...]] = (("content-type", CONTENT_TYPE_LATEST),)


def scrape_lane(metrics: GatewayMetrics) -> Handler:
    """Return the handler that answers GET /metrics and nothing else."""

    async def handle(request: Request, reply: Reply) -> None:
        if (request.head.method, request.head.path) != ("GET", PATH):
            raise UnknownRoute(f"There is nothing here but GET {PATH}.")
        # Rendering thousands of series takes milliseconds, which no stream should wait for.
        body = await asyncio.to_thread(metrics.render)
        reply.send(200, _HEADERS, body)

    return handle
