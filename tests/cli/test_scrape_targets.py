"""Where Prometheus finds the metrics of one machine."""

import json

from fairlead_cli.home import Home
from fairlead_cli.ports import choose_ports
from fairlead_cli.scrape_targets import write_scrape_targets


def test_the_file_is_prometheus_own(home: Home) -> None:
    """The file names the ports of gateway and Ray as groups of targets, each with its job."""
    ports = choose_ports(8080)

    write_scrape_targets(home, ports)

    assert json.loads(home.scrape_targets.read_text()) == [
        {"targets": [f"127.0.0.1:{ports.gateway_metrics}"], "labels": {"job": "fairlead-gateway"}},
        {
            "targets": [f"127.0.0.1:{ports.ray_metrics}", f"127.0.0.1:{ports.dashboard_metrics}"],
            "labels": {"job": "fairlead-ray"},
        },
    ]
