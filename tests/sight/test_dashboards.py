"""Dashboards, and the names that they and the rules ask for."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest
import yaml
from charts.dashboards.__main__ import DASHBOARDS, rendered
from charts.dashboards.grafana import COLUMNS, Dashboard

from tests.sight.chart import CHART, EXAMPLE, as_prometheus_spells, relabelings, rules
from tests.sight.exported import exported
from tests.sight.promql import metrics_in, with_values
from tests.sight.test_alerts import promtool

QUERIES = [query.expression for page in DASHBOARDS for panel in page.panels for query in panel.queries]
CHOICES = [choice.series for page in DASHBOARDS for choice in page.choices]


def test_files_are_those_that_the_source_writes() -> None:
    """The chart has the dashboards that `make dashboards` writes, and no others."""
    assert {file.name: file.read_text() for file in (CHART / "dashboards").glob("*.json")} == rendered()


def test_every_metric_exists() -> None:
    """Rules and dashboards ask for nothing that no service, Ray or vLLM exports."""
    asked = {name for text in (*QUERIES, *CHOICES, *(rule["expr"] for rule in rules())) for name in metrics_in(text)}

    assert asked - exported() == set()
    assert {"fairlead_request_total", "vllm:kv_cache_usage_perc", "ray_node_gpus_utilization"} <= asked


def test_every_query_is_promql(tmp_path: Path) -> None:
    """Prometheus understands every query of every panel."""
    file = tmp_path / "queries.yaml"
    asked = [{"record": f"query:{number}", "expr": with_values(text)} for number, text in enumerate(QUERIES)]
    file.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": asked}]}))

    assert f"{len(QUERIES)} rules found" in promtool("check", "rules", str(file))


@pytest.mark.parametrize("page", DASHBOARDS, ids=lambda page: page.name)
def test_panels_speak_to_somebody_who_was_asleep(page: Dashboard) -> None:
    """Each panel asks a question or says a sentence, says what to do, and is there once."""
    assert [
        panel.title for panel in page.panels if len(panel.title) < len("Redis") or not panel.help.endswith(".")
    ] == []
    assert [title for title, times in Counter(panel.title for panel in page.panels).items() if times > 1] == []
    assert [panel.title for panel in page.panels if panel.empty and not panel.empty.endswith(".")] == []


@pytest.mark.parametrize("page", DASHBOARDS, ids=lambda page: page.name)
def test_panels_do_not_overlap(page: Dashboard) -> None:
    """Each cell of the grid belongs to one panel at most, and none lies outside."""
    places = [panel["gridPos"] for panel in page.to_json()["panels"]]
    cells = Counter(
        (place["x"] + right, place["y"] + down)
        for place in places
        for right in range(place["w"])
        for down in range(place["h"])
    )

    assert set(cells.values()) == {1}
    assert max(column for column, _ in cells) < COLUMNS


@pytest.mark.parametrize("page", DASHBOARDS, ids=lambda page: page.name)
def test_the_source_is_the_readers_choice(page: Dashboard) -> None:
    """Every query goes to the Prometheus that the reader chose, and narrows by the choices that the page offers."""
    text = json.dumps(page.to_json())
    used = set(re.findall(r"\$(?!__)\{?(\w+)", text))

    assert used == {"source", *(choice.name for choice in page.choices)}


def test_one_machine_relabels_as_a_cluster_does() -> None:
    """The configuration for one machine does to Ray's metrics what the PodMonitor does."""
    [job] = yaml.safe_load(EXAMPLE.read_text())["scrape_configs"]

    assert job["metric_relabel_configs"] == as_prometheus_spells(relabelings())
