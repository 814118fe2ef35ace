"""Runs the gateway until it is told to stop: `python -m fairlead_gateway`."""

import asyncio
import gc
import logging
import resource
import signal
import sys

import uvloop
from pydantic import ValidationError

from fairlead_gateway.logs import configure_logging
from fairlead_gateway.runtime import open_runtime
from fairlead_gateway.settings import GatewaySettings

log = logging.getLogger(__name__)

YOUNG_OBJECTS = 10_000
"""New objects after which the collector looks for cycles among them.

Requests leave none behind, and with Python's 700 few of them paid for a look at all that were under way: 0.93 to 0.95
of the processor time, by A/B at 32 clients.
"""


def main() -> int:
    """Read the settings, run the gateway, return the process's exit status."""
    try:
        settings = GatewaySettings()  # pyright: ignore[reportCallIssue] - the environment fills it
    except ValidationError as error:
        sys.stderr.write(_mistakes(error))
        return 2
    configure_logging(settings.log_level)
    _raise_file_limit()
    try:
        uvloop.run(_serve(settings))
    except (OSError, ValueError) as error:
        log.error("the gateway cannot start: %s", error)  # noqa: TRY400 - the sentence says it all
        return 1
    return 0


async def _serve(settings: GatewaySettings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with open_runtime(settings) as runtime:
        gc.collect()
        gc.set_threshold(YOUNG_OBJECTS)
        gc.freeze()  # what was built at the start lives to the end; the collector need not look at it again
        log.info("listening", extra={"host": settings.host, "port": runtime.port})
        await stop.wait()
        log.info("draining", extra={"longest_s": settings.longest_stream_s})
        await runtime.drain()


def _raise_file_limit() -> None:
    """Allow as many open files as the system lets this process have: a stream needs two."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _mistakes(error: ValidationError) -> str:
    lines = []
    for mistake in error.errors(include_input=False, include_url=False):
        name = "_".join(str(part) for part in mistake["loc"]).upper()
        lines.append(f"FAIRLEAD_GATEWAY_{name}: {mistake['msg']}\n" if name else f"{mistake['msg']}\n")
    return "".join(lines)


if __name__ == "__main__":
    sys.exit(main())
