"""The page that lists the gateway's metrics."""

import re
from collections.abc import Iterator
from pathlib import Path

from prometheus_client.registry import Collector

from fairlead_gateway.metrics import GatewayMetrics

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "metrics.md"
ROW = re.compile(r"\| `(?P<name>fairlead_\w+)` \| (?P<kind>\w+) \| (?P<labels>[\w, -]+) \| .+ \|")


def exported() -> Iterator[tuple[str, str, str]]:
    """Yield name, kind and labels of everything that a gateway can export, also of what it has not counted yet."""
    for collector in GatewayMetrics().registry._collector_to_names:
        (family,) = collector.collect()
        suffix = "_total" if family.type == "counter" else ""
        yield family.name + suffix, family.type, ", ".join(labels_of(collector)) or "-"


def labels_of(collector: Collector) -> tuple[str, ...]:
    """Return the labels of a metric, which prometheus_client tells only of samples."""
    (family,) = collector.collect()
    return tuple(getattr(collector, "_labelnames", ()) or getattr(family, "_labelnames", ()))


def test_the_page_lists_what_is_exported() -> None:
    """Every metric stands on the page with its kind and its labels, and nothing else does."""
    gateways = PAGE.read_text().split("\n## ")[0]
    listed = [ROW.fullmatch(line) for line in gateways.splitlines() if line.startswith("| `")]
    rows = [(row["name"], row["kind"], row["labels"]) for row in listed if row is not None]
    assert len(rows) == len(listed)
    assert sorted(rows) == sorted(exported())
