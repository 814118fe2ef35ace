"""The chart's rules, as Prometheus reads them."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts" / "fairlead"
RULES = tuple(sorted((CHART / "rules").glob("*.yaml")))
EXAMPLE = ROOT / "docs" / "examples" / "monitoring" / "prometheus.yaml"


def rules() -> list[dict[str, Any]]:
    """Return every rule, recorded ones and alerts."""
    groups = [group for file in RULES for group in yaml.safe_load(file.read_text())["groups"]]
    return [rule for group in groups for rule in group["rules"]]


def alerts() -> list[dict[str, Any]]:
    """Return every alert."""
    return [rule for rule in rules() if "alert" in rule]


def relabelings() -> list[dict[str, Any]]:
    """Return what Prometheus does to the metrics of Ray as it takes them in, as it is written in a PodMonitor."""
    found: list[dict[str, Any]] = yaml.safe_load((CHART / "scrape" / "metric-relabelings.yaml").read_text())
    return found


def as_prometheus_spells(steps: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return a monitor's steps of relabelling as they stand in Prometheus' own configuration."""
    return [{_snake(key): value for key, value in step.items()} for step in steps]


def _snake(name: str) -> str:
    return re.sub(r"([A-Z])", lambda match: f"_{match[1].lower()}", name)
