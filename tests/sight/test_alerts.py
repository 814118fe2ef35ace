"""Alerts, evaluated by promtool over series that are written down."""

import re
import subprocess
from typing import Any

import pytest
import yaml

from tests.sight.alerts import ROWS, Row
from tests.sight.chart import ROOT, RULES, alerts
from tests.sight.programs import program

RUNBOOKS = ROOT / "docs" / "runbooks.md"


def promtool(*arguments: str) -> str:
    """Run promtool and return what it said.

    Raises:
        AssertionError: It found fault.
    """
    done = subprocess.run([program("promtool"), *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def evaluation(row: Row) -> dict[str, Any]:
    """Return a row as promtool reads tests: how many alerts of a name fire after some minutes."""
    question = {
        "expr": f'count(ALERTS{{alertname="{row.alert}", alertstate="firing"}})',
        "eval_time": f"{row.after_minutes}m",
        "exp_samples": [{"labels": "{}", "value": row.firing}] if row.firing else [],
    }
    series = [{"series": name, "values": values} for name, values in row.series.items()]
    return {
        "rule_files": [str(file) for file in RULES],
        "evaluation_interval": "1m",
        "tests": [{"interval": "1m", "input_series": series, "promql_expr_test": [question]}],
    }


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What promtool says of each row, by its number."""
    folder = tmp_path_factory.mktemp("rows")
    files = [folder / f"{number}.yaml" for number in range(len(ROWS))]
    for file, row in zip(files, ROWS, strict=True):
        file.write_text(yaml.safe_dump(evaluation(row)))
    done = subprocess.run([program("promtool"), "test", "rules", *files], capture_output=True, text=True, check=False)
    said = re.split(r"^Unit Testing: +.*/(\d+)\.yaml$", done.stdout + done.stderr, flags=re.MULTILINE)
    return dict(zip(said[1::2], said[2::2], strict=True))


@pytest.mark.parametrize(
    "number", range(len(ROWS)), ids=lambda number: f"{ROWS[number].alert}: {ROWS[number].sentence}"
)
def test_fires_when_it_must(number: int, evaluated: dict[str, str]) -> None:
    """An alert fires when its row says so, as often as it says, and else stays silent."""
    assert evaluated[str(number)].strip() == "SUCCESS"


def test_promtool_takes_the_rules() -> None:
    """Prometheus' own check finds no fault with any rule."""
    promtool("check", "rules", "--lint=all", "--lint-fatal", *map(str, RULES))


def test_every_alert_has_rows() -> None:
    """Each alert has a row in which it fires and one in which it does not."""
    firing = {row.alert for row in ROWS if row.firing}
    silent = {row.alert for row in ROWS if not row.firing}

    assert firing == silent == {alert["alert"] for alert in alerts()}


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert["alert"])
def test_an_alert_says_what_to_do(alert: dict[str, Any]) -> None:
    """Each alert has a severity, a summary, a description, and an entry of its own in the runbook."""
    headings = re.findall(r"^### (\w+)$", RUNBOOKS.read_text(), re.MULTILINE)

    assert alert["labels"]["severity"] in {"critical", "warning"}
    assert set(alert["annotations"]) == {"summary", "description", "runbook_url"}
    assert alert["annotations"]["runbook_url"] == f"docs/runbooks.md#{alert['alert'].lower()}"
    assert headings.count(alert["alert"]) == 1


def test_the_runbook_has_no_entry_without_an_alert() -> None:
    """The runbook explains alerts that exist, and names the severity that the rule has."""
    entries = re.findall(r"^### (\w+)\n\n\*(critical|warning)\.\*", RUNBOOKS.read_text(), re.MULTILINE)

    assert dict(entries) == {alert["alert"]: alert["labels"]["severity"] for alert in alerts()}
