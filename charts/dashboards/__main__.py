"""Writes the dashboards: `python -m charts.dashboards FOLDER`."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path

from charts.dashboards.grafana import Dashboard
from charts.dashboards.model import MODEL
from charts.dashboards.overview import OVERVIEW
from charts.dashboards.ray import RAY
from charts.dashboards.reconciling import OPERATOR
from charts.dashboards.tenants import TENANTS

DASHBOARDS: tuple[Dashboard, ...] = (OVERVIEW, MODEL, TENANTS, RAY, OPERATOR)


def rendered() -> Mapping[str, str]:
    """Return the text of each file by its name."""
    return {f"{page.name}.json": json.dumps(page.to_json(), indent=2) + "\n" for page in DASHBOARDS}


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    for name, text in rendered().items():
        (folder / name).write_text(text)
