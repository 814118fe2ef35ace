"""Serves what machines ask about the gateway, on a port of its own and with the same strictness as the API."""

import asyncio
from typing import Final

from prometheus_client import CONTENT_TYPE_LATEST

from fairlead_contract.errors import UnknownRoute
from fairlead_gateway import route_report
from fairlead_gateway.edge import Handler
from fairlead_gateway.metrics import GatewayMetrics
from fairlead_gateway.reply import Header, Reply
from fairlead_gateway.request import Request
from fairlead_gateway.route_report import RouteReport

_METRICS: Final[tuple[Header, ...]] = (("content-type", CONTENT_TYPE_LATEST),)
_JSON: Final[tuple[Header, ...]] = (("content-type", "application/json"),)


def scrape_lane(metrics: GatewayMetrics, report: RouteReport) -> Handler:
    """Return the handler that answers GET /metrics and GET /internal/routes, and nothing else."""

    async def handle(request: Request, reply: Reply) -> None:
        match (request.head.method, request.head.path):
            case ("GET", "/metrics"):
                # Rendering thousands of series takes milliseconds, which no stream should wait for.
                reply.send(200, _METRICS, await asyncio.to_thread(metrics.render))
            case ("GET", route_report.PATH):
                reply.send(200, _JSON, report.render())
            case _:
                raise UnknownRoute(f"There is nothing here but GET /metrics and GET {route_report.PATH}.")

    return handle
