"""What a dashboard is made of, in as few words as it takes, and its translation into Grafana's own form.

A panel's title is a question or a sentence, and its description says what to do when the answer is bad: whoever reads
it was asleep a minute ago.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

Json = dict[str, Any]
Kind = Literal["timeseries", "stat", "bargauge", "table"]

SCHEMA_VERSION = 39
"""Of Grafana 10 and newer; later versions migrate it as they load it."""

COLUMNS = 24
TAG = "fairlead"
RUNBOOKS = "docs/runbooks.md"
"""Where rules and dashboards say that advice is; whoever publishes the documents replaces it by their address."""

SOURCE: Json = {"type": "prometheus", "uid": "${source}"}


@dataclass(frozen=True, slots=True)
class Query:
    """A question to Prometheus; the legend may name labels as {{label}}."""

    expression: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Levels:
    """From where on a value is doubtful, and from where on bad; for those of which less is worse, up to where."""

    doubtful: float
    bad: float

    def to_json(self) -> Json:
        """Return Grafana's thresholds."""
        low, high = ("green", "red") if self.bad >= self.doubtful else ("red", "green")
        first, second = sorted((self.doubtful, self.bad))
        steps = [(low, None), ("orange", first), (high, second)] if first < second else [(low, None), (high, first)]
        return {"mode": "absolute", "steps": [{"color": color, "value": value} for color, value in steps]}


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture.

    Attributes:
        title: A question or a sentence.
        help: What to do when it looks bad.
        queries: What it shows.
        unit: Grafana's name of the unit.
        levels: Where it turns orange and red.
        empty: Why it may show nothing although all is well; "" where it always shows something.
        largest: Where the axis ends, for shares.
        stacked: Whether the lines are parts of a whole.
        means: Words to show in place of numbers.
    """

    title: str
    help: str
    queries: tuple[Query, ...]
    unit: str = "short"
    kind: Kind = "timeseries"
    levels: Levels | None = None
    width: int = 8
    height: int = 8
    empty: str = ""
    largest: float | None = None
    stacked: bool = False
    means: tuple[tuple[int, str], ...] = ()

    def to_json(self, number: int, column: int, row: int) -> Json:
        """Return Grafana's panel at a place of the grid."""
        return {
            "id": number,
            "type": self.kind,
            "title": self.title,
            "description": f"{self.help} {self.empty}".strip(),
            "datasource": SOURCE,
            "gridPos": {"x": column, "y": row, "w": self.width, "h": self.height},
            "targets": [self._target(letter, query) for letter, query in zip("ABCDEF", self.queries, strict=False)],
            "fieldConfig": {"defaults": self._defaults(), "overrides": []},
            "options": self._options(),
        }

    def _target(self, letter: str, query: Query) -> Json:
        at_once = (
            {"instant": True, "format": "table"} if self.kind == "table" else {"instant": self.kind != "timeseries"}
        )
        shown = {"expr": query.expression, "legendFormat": query.legend or "__auto"}
        return {"refId": letter, "datasource": SOURCE, **shown, **at_once}

    def _defaults(self) -> Json:
        defaults: Json = {"unit": self.unit, "min": 0, "noValue": self.empty or "nothing"}
        if self.largest is not None:
            defaults["max"] = self.largest
        if self.levels is not None:
            defaults["thresholds"] = self.levels.to_json()
            defaults["color"] = {"mode": "palette-classic" if self.kind == "timeseries" else "thresholds"}
        if self.means:
            words = {str(value): {"text": text, "index": index} for index, (value, text) in enumerate(self.means)}
            defaults["mappings"] = [{"type": "value", "options": words}]
        if self.kind == "timeseries":
            defaults["custom"] = self._lines()
        return defaults

    def _lines(self) -> Json:
        lines: Json = {"fillOpacity": 10, "showPoints": "never", "spanNulls": False}
        if self.stacked:
            lines |= {"stacking": {"mode": "normal"}, "fillOpacity": 40}
        if self.levels is not None:
            lines["thresholdsStyle"] = {"mode": "dashed"}
        return lines

    def _options(self) -> Json:
        match self.kind:
            case "timeseries":
                legend = {"displayMode": "table", "placement": "bottom", "calcs": ["lastNotNull", "max"]}
                return {"legend": legend, "tooltip": {"mode": "multi", "sort": "desc"}}
            case "stat":
                colored = "background" if self.levels else "none"
                return {"colorMode": colored, "graphMode": "none", "reduceOptions": {"calcs": ["lastNotNull"]}}
            case "bargauge":
                return {
                    "displayMode": "basic",
                    "orientation": "horizontal",
                    "reduceOptions": {"calcs": ["lastNotNull"]},
                }
            case "table":
                return {"footer": {"show": False}}


@dataclass(frozen=True, slots=True)
class Row:
    """Panels below a common headline, from left to right, as many in a line as fit."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """What the reader may narrow a dashboard to: the values of a label."""

    name: str
    series: str
    label: str

    def to_json(self) -> Json:
        """Return Grafana's variable; everything is chosen at first."""
        query = f"label_values({self.series}, {self.label})"
        everything = {
            "includeAll": True,
            "allValue": ".*",
            "multi": True,
            "current": {"text": "All", "value": "$__all"},
        }
        refreshed = {"refresh": 2, "sort": 1}
        known = {"name": self.name, "label": self.name, "type": "query", "datasource": SOURCE}
        return known | {"query": {"query": query, "refId": self.name}, "definition": query} | everything | refreshed


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A page of panels for one kind of question."""

    name: str
    title: str
    help: str
    rows: tuple[Row, ...]
    choices: tuple[Choice, ...] = ()

    @property
    def panels(self) -> tuple[Panel, ...]:
        """All panels, in the order in which they are read."""
        return tuple(panel for row in self.rows for panel in row.panels)

    def to_json(self) -> Json:
        """Return Grafana's dashboard."""
        source = {"name": "source", "label": "Prometheus", "type": "datasource", "query": "prometheus", "refresh": 1}
        return {
            "uid": f"fairlead-{self.name}",
            "title": f"Fairlead: {self.title}",
            "description": self.help,
            "tags": [TAG],
            "schemaVersion": SCHEMA_VERSION,
            "editable": False,
            "refresh": "30s",
            "time": {"from": "now-3h", "to": "now"},
            "timezone": "",
            "graphTooltip": 1,
            "links": [_all_dashboards(), _runbooks()],
            "templating": {"list": [source, *(choice.to_json() for choice in self.choices)]},
            "panels": list(self._placed()),
        }

    def _placed(self) -> Iterator[Json]:
        number = top = 0
        for row in self.rows:
            number += 1
            place = {"x": 0, "y": top, "w": COLUMNS, "h": 1}
            yield {"id": number, "type": "row", "title": row.title, "collapsed": False, "gridPos": place, "panels": []}
            top += 1
            column = height = 0
            for panel in row.panels:
                number += 1
                if column + panel.width > COLUMNS:
                    column, top, height = 0, top + height, 0
                yield panel.to_json(number, column, top)
                column, height = column + panel.width, max(height, panel.height)
            top += height


def _all_dashboards() -> Json:
    kept = {"includeVars": True, "keepTime": True}
    return {"title": "Other pages", "type": "dashboards", "tags": [TAG], "asDropdown": True, **kept}


def _runbooks() -> Json:
    return {"title": "What to do about an alert", "type": "link", "url": RUNBOOKS, "icon": "doc", "targetBlank": True}
