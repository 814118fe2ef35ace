"""Fetches a model's weights into a cache, ahead of the replicas that will read them: what the weights Job runs.

    python -m fairlead_serving.fetch --model NAME --source hf://organisation/name --cache FOLDER

It shares all code with a replica, and loads neither an engine nor Ray. Credentials come by the environment alone.
"""

import argparse
import contextlib
import logging
import socket
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge, start_http_server
from pydantic_core import PydanticCustomError

from fairlead_contract.errors import DownloadFailed, FairleadError
from fairlead_contract.source import parse_source
from fairlead_contract.weights import FETCH_MODULE, REFUSED_EXIT_CODE
from fairlead_serving.progress import log_progress, logger
from fairlead_serving.sources import fetch
from fairlead_serving.startup import Phase, StartupReport
from fairlead_serving.weights_cache import WeightsCache

DONE, FAILED = 0, 1
"""How the program ends, or else with `REFUSED_EXIT_CODE`."""

HELP = "Described in docs/reference/metrics.md."


class PageGauges:
    """Gauges on a metrics page of this process, with the model's and the pod's name on all of them."""

    def __init__(self, *, model: str, replica: str) -> None:
        self.registry = CollectorRegistry()
        self._labels = {"model": model, "replica": replica}
        self._gauges: dict[str, Gauge] = {}

    def set(self, name: str, value: float, **labels: str) -> None:
        """Set a gauge by its name and labels."""
        tags = self._labels | labels
        if name not in self._gauges:
            self._gauges[name] = Gauge(name, HELP, tuple(tags), registry=self.registry)
        self._gauges[name].labels(**tags).set(value)


def main(arguments: Sequence[str] | None = None) -> int:
    """Fetch one model and return how the program ends."""
    options = _parser().parse_args(arguments)
    log_progress()
    gauges = PageGauges(model=options.model, replica=socket.gethostname())
    report = StartupReport(gauges)
    report.enter(Phase.DOWNLOADING)
    with _served(gauges, options.metrics_port):
        try:
            folder = _fetch(options.source, options.cache, report, prune=options.prune)
        except FairleadError as error:
            report.enter(Phase.FAILED)
            return _failed(error, options.error_file)
        report.enter(Phase.READY)
        logger.info("%s: complete in %s", options.source, folder)
    return DONE


def _fetch(uri: str, cache: Path, report: StartupReport, *, prune: bool) -> Path:
    if prune and cache.is_dir():
        WeightsCache(cache).prune(parse_source(uri))
    return fetch(uri, cache, report.downloaded)


def _failed(error: FairleadError, error_file: Path | None) -> int:
    logger.error("%s", error.message)
    if error_file is not None:
        error_file.write_text(error.message)
    may_succeed_later = isinstance(error, DownloadFailed) and error.retryable
    return FAILED if may_succeed_later else REFUSED_EXIT_CODE


@contextlib.contextmanager
def _served(gauges: PageGauges, port: int | None) -> Iterator[None]:
    """Serve the metrics page until the download is over."""
    if port is None:
        yield
        return
    address = "::" if socket.has_dualstack_ipv6() else "0.0.0.0"
    server, thread = start_http_server(port, address, gauges.registry)
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"python -m {FETCH_MODULE}", description="Fetch a model's weights.")
    parser.add_argument("--model", required=True, help="name of the ModelDeployment, for the metrics")
    parser.add_argument("--source", required=True, type=_source, help="where the weights lie: hf:// or s3://")
    parser.add_argument("--cache", required=True, type=Path, help="folder of all downloads")
    parser.add_argument("--metrics-port", type=int, help="where progress is served; nowhere if not given")
    parser.add_argument("--error-file", type=Path, help="gets the cause of a failure in one line")
    parser.add_argument(
        "--prune", action="store_true", help="first remove what was fetched of other sources, but for the latest"
    )
    return parser


def _source(uri: str) -> str:
    try:
        source = parse_source(uri)
    except PydanticCustomError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if not source.is_fetched:
        raise argparse.ArgumentTypeError(f"{uri} is not downloaded: write hf://organisation/name or s3://bucket/prefix")
    return uri


if __name__ == "__main__":
    logging.captureWarnings(capture=True)
    sys.exit(main())
