"""A real Prometheus on a free port, and the configuration that the documents give for one machine."""

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import yaml

from tests.sight.chart import EXAMPLE
from tests.sight.programs import program
from tests.support.ports import free_port
from tests.support.waiting import eventually

SCRAPE_INTERVAL = "5s"
"""Long enough for a busy machine: a reading that comes too late makes an alert wait anew."""

EVALUATION_INTERVAL = "1s"
START_TIMEOUT_S = 30

_IMPATIENT = {
    "scrape_interval": SCRAPE_INTERVAL,
    "scrape_timeout": SCRAPE_INTERVAL,
    "evaluation_interval": EVALUATION_INTERVAL,
}


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A running Prometheus."""

    url: str

    def ask(self, path: str, **parameters: str) -> Any:
        """Return the data that a path of its API answers.

        Raises:
            AssertionError: It refuses the question.
        """
        answer = httpx2.get(f"{self.url}/api/v1/{path}", params=parameters, timeout=10, trust_env=False).json()
        assert answer["status"] == "success", answer
        return answer["data"]

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Return the series that answer an expression now, each with `metric` (its labels) and `value`."""
        found: list[dict[str, Any]] = self.ask("query", query=expression)["result"]
        return found

    def number(self, expression: str) -> float:
        """Return the one number that answers an expression; 0 where nothing does."""
        found = self.query(expression)
        return float(found[0]["value"][1]) if found else 0.0

    def firing(self) -> set[str]:
        """Return the names of all alerts that fire."""
        return {alert["labels"]["alertname"] for alert in self.ask("alerts")["alerts"] if alert["state"] == "firing"}

    def fires(self, alert: str, *, within_s: float) -> dict[str, Any]:
        """Wait until an alert fires, and return it."""

        def found() -> dict[str, Any]:
            alerts = [one for one in self.ask("alerts")["alerts"] if one["labels"]["alertname"] == alert]
            assert any(one["state"] == "firing" for one in alerts), alerts
            firing: dict[str, Any] = next(one for one in alerts if one["state"] == "firing")
            return firing

        return eventually(found, within_s=within_s, what=f"{alert} fires", pause_s=1)


@contextmanager
def running_prometheus(folder: Path, configuration: Mapping[str, Any]) -> Iterator[Prometheus]:
    """Start a Prometheus that has less patience than its configuration asks for, and end it.

    Raises:
        AssertionError: It did not start; its log says why.
    """
    port = free_port()
    file, log = folder / "prometheus.yaml", folder / "prometheus.log"
    file.write_text(yaml.safe_dump({**configuration, "global": _IMPATIENT}))
    command = [
        str(program("prometheus")),
        f"--config.file={file}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT) as process:
        try:
            prometheus = Prometheus(f"http://127.0.0.1:{port}")
            eventually(
                lambda: _is_ready(prometheus, process, log), within_s=START_TIMEOUT_S, what="Prometheus is ready"
            )
            yield prometheus
        finally:
            process.terminate()


def one_machine(targets: Path) -> dict[str, Any]:
    """Return the documented configuration, with its paths made absolute, and the targets of a file."""
    document: dict[str, Any] = yaml.safe_load(EXAMPLE.read_text())
    document["rule_files"] = [str((EXAMPLE.parent / file).resolve()) for file in document["rule_files"]]
    [job] = document["scrape_configs"]
    job["file_sd_configs"] = targets_of(targets)
    return document


def targets_of(file: Path) -> list[dict[str, Any]]:
    """Return how a job reads its targets from a file, which is read again as it changes."""
    return [{"files": [str(file)], "refresh_interval": SCRAPE_INTERVAL}]


def _is_ready(prometheus: Prometheus, process: subprocess.Popen[bytes], log: Path) -> bool:
    assert process.poll() is None, log.read_text()
    try:
        return httpx2.get(f"{prometheus.url}/-/ready", timeout=1, trust_env=False).is_success
    except httpx2.HTTPError:
        return False
