"""The operator's process: `fairlead-operator`."""

import asyncio
import contextlib
import logging
import sys

import kopf
import structlog
from prometheus_client import start_http_server
from pydantic import ValidationError

from fairlead_contract.errors import ManifestError
from fairlead_operator.handlers import kopf_settings, registry_of
from fairlead_operator.metrics import OperatorMetrics
from fairlead_operator.runtime import Runtime, open_runtime
from fairlead_operator.settings import Settings
from fairlead_operator.surroundings import Surroundings, read_surroundings

WORKERS = 8


def run() -> None:
    """Run the operator until it is told to stop."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    structlog.configure(processors=[structlog.processors.TimeStamper("iso"), structlog.processors.JSONRenderer()])
    try:
        surroundings = read_surroundings(Settings())
    except (ValidationError, ManifestError, OSError) as error:
        sys.exit(f"the operator's settings are wrong: {error}")
    asyncio.run(serve(surroundings))


async def serve(surroundings: Surroundings) -> None:
    """Serve metrics and health, and reconcile, until a signal ends it."""
    metrics = OperatorMetrics()
    settings = surroundings.settings
    server, thread = start_http_server(settings.metrics_port, addr=settings.host, registry=metrics.registry)
    try:
        is_told_to_stop = False
        while not is_told_to_stop:
            async with open_runtime(surroundings, metrics) as runtime:
                await reconcile_until_told(runtime, surroundings.settings)
                is_told_to_stop = not runtime.again.is_set()
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


async def reconcile_until_told(runtime: Runtime, settings: Settings) -> None:
    """Reconcile until a signal comes, or until there are other kinds to watch.

    Raises:
        Exception: What broke the operator, which must start anew.
    """
    tasks = (
        asyncio.create_task(runtime.queue.run(WORKERS)),
        asyncio.create_task(runtime.gateways.ask_for_ever()),
        asyncio.create_task(_watch(runtime, settings)),
    )
    done, left = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in left:
        task.cancel()
    for task in left:
        with contextlib.suppress(asyncio.CancelledError):
            await task
    for task in done:
        task.result()


async def _watch(runtime: Runtime, settings: Settings) -> None:
    """Let kopf watch until a signal comes."""
    await kopf.operator(
        registry=registry_of(runtime.handlers, longest_look_s=runtime.queue.longest_s),
        settings=kopf_settings(),
        standalone=True,
        clusterwide=not settings.namespaces,
        namespaces=settings.namespaces,
        liveness_endpoint=f"http://{settings.host}:{settings.health_port}/healthz",
        stop_flag=runtime.again,
    )
