"""What a panel of a dashboard shows, asked of a Prometheus."""

from collections.abc import Mapping
from dataclasses import dataclass

from charts.dashboards.__main__ import DASHBOARDS

from tests.sight.prometheus import Prometheus
from tests.sight.promql import totals, with_values

_PANELS = {(page.name, panel.title): panel for page in DASHBOARDS for panel in page.panels}


@dataclass(frozen=True, slots=True)
class Panels:
    """The panels of all dashboards, above one Prometheus."""

    prometheus: Prometheus

    def numbers(self, page: str, title: str, *by: str, line: int = 0) -> dict[str, int]:
        """Return the whole numbers that one query of a panel shows now, without zeros, by the values of labels.

        Args:
            page: The dashboard's name.
            title: The panel's.
            by: The labels that tell its lines apart; their values are joined by spaces.
            line: Which of the panel's queries.
        """
        return self._answer(_PANELS[page, title].queries[line].expression, by)

    def lines(self, page: str, title: str, *by: str) -> set[str]:
        """Return of what a panel of one query shows anything now, be it zero, likewise."""
        [query] = _PANELS[page, title].queries
        return {_name(each["metric"], by) for each in self.prometheus.query(with_values(query.expression))}

    def totals(self, page: str, title: str, *by: str, line: int = 0) -> dict[str, int]:
        """Return how far the counters are of which a panel shows how fast they grow, likewise."""
        return self._answer(totals(_PANELS[page, title].queries[line].expression), by)

    def _answer(self, expression: str, by: tuple[str, ...]) -> dict[str, int]:
        found = self.prometheus.query(with_values(expression))
        shown = {_name(each["metric"], by): float(each["value"][1]) for each in found}
        assert all(number.is_integer() for number in shown.values()), shown
        return {name: int(number) for name, number in shown.items() if number}


def _name(labels: Mapping[str, str], by: tuple[str, ...]) -> str:
    return " ".join(labels[label] for label in by)
