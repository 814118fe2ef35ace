"""Reads Prometheus' text format."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

_SAMPLE = re.compile(r"^(?P<name>[a-zA-Z_:][\w:]*)(?:\{(?P<labels>.*)\})? (?P<value>\S+)")
_LABEL = re.compile(r'(?P<name>\w+)="(?P<value>(?:[^"\\]|\\.)*)"')


@dataclass(frozen=True, slots=True)
class Sample:
    """One line of a metrics page."""

    name: str
    labels: Mapping[str, str]
    value: float


class Exposition:
    """One reading of a metrics page."""

    def __init__(self, text: str) -> None:
        self.samples = [sample for line in text.splitlines() if (sample := _parse(line))]

    def select(self, name: str, **labels: str) -> list[Sample]:
        """Return the samples of one metric that carry at least the given labels."""
        return [
            sample
            for sample in self.samples
            if sample.name == name and all(sample.labels.get(label) == value for label, value in labels.items())
        ]

    def total(self, name: str, **labels: str) -> float:
        """Return the sum over those samples; 0 where there are none yet."""
        return sum(sample.value for sample in self.select(name, **labels))


def _parse(line: str) -> Sample | None:
    match = _SAMPLE.match(line)
    if match is None:
        return None
    labels = {label["name"]: label["value"] for label in _LABEL.finditer(match["labels"] or "")}
    return Sample(match["name"], labels, float(match["value"]))
