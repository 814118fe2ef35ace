"""scrape-targets.json: where the metrics of the running platform are, in Prometheus' own form for files of targets.

Ports are chosen anew at each start; Prometheus reads the file again as it changes.
"""

import json

from fairlead_cli.home import Home
from fairlead_cli.ports import LOOPBACK, Ports
from fairlead_contract.files import write_atomically


def scrape_targets(ports: Ports) -> list[dict[str, object]]:
    """Return where the gateway's metrics are, and Ray's with those of its engines; no autoscaler of Ray runs here."""
    return [
        _targets("fairlead-gateway", ports.gateway_metrics),
        _targets("fairlead-ray", ports.ray_metrics, ports.dashboard_metrics),
    ]


def write_scrape_targets(home: Home, ports: Ports) -> None:
    """Replace scrape-targets.json."""
    write_atomically(home.scrape_targets, json.dumps(scrape_targets(ports), indent=2))


def _targets(job: str, *ports: int) -> dict[str, object]:
    return {"targets": [f"{LOOPBACK}:{port}" for port in ports], "labels": {"job": job}}
