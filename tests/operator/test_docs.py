"""What the documentation lists is what the operator says."""

import re
from pathlib import Path

from fairlead_operator.metrics import OperatorMetrics
from fairlead_operator.reasons import Trouble

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_troubleshooting() -> None:
    """Each reason of a trouble has a section that says what to do."""
    sections = re.findall(r"^## (\w+)$", (DOCS / "troubleshooting.md").read_text(), re.MULTILINE)

    assert sorted(sections) == sorted(Trouble)


def test_metrics() -> None:
    """Each metric of the operator is listed, with its labels, and no other."""
    listed = dict(
        re.findall(
            r"^\| `(fairlead_operator_\w+)` \| \w+ \| ([^|]+) \|",
            (DOCS / "reference/metrics.md").read_text(),
            re.MULTILINE,
        )
    )
    metrics = OperatorMetrics()
    exported = {
        metric._name if metric._type != "counter" else f"{metric._name}_total": ", ".join(metric._labelnames) or "-"
        for metric in vars(metrics).values()
        if hasattr(metric, "_labelnames")
    }

    assert listed == exported
