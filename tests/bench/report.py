"""Prints a benchmark's rows as a table and keeps them as JSON."""

import json
import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of ours beside the peer's, measured in the same run."""

    name: str
    ours: float
    peer: float
    unit: str
    bar: float | None
    """What the ratio is to reach: a floor for throughput, a ceiling for times; None where there is no bar."""

    higher_is_better: bool
    ratio: float
    """Median, over the blocks of two rounds, of ours by peer within a block."""

    @property
    def verdict(self) -> str:
        """Whether the bar is reached, in words."""
        if self.bar is None:
            return "no bar"
        reached = self.ratio >= self.bar if self.higher_is_better else self.ratio <= self.bar
        sign = "≥" if self.higher_is_better else "≤"
        return f"{'reached' if reached else 'MISSED'} ({sign} {self.bar:.4g})"


def row(
    name: str,
    ours: Sequence[float],
    peer: Sequence[float],
    *,
    unit: str,
    bar: float | None,
    higher_is_better: bool,
) -> Row:
    """Return the row of paired rounds: medians of each arm, and the median of the blocks' ratios.

    Two rounds, in which the arms take turns in being first, make a block; its ratio is the geometric mean of theirs, so
    that whatever it is worth to be first cancels.

    Raises:
        ValueError: The number of rounds is odd.
    """
    if len(ours) % 2:
        raise ValueError("rounds come in blocks of two: give an even number")
    rounds = [mine / theirs for mine, theirs in zip(ours, peer, strict=True)]
    ratios = [math.sqrt(first * second) for first, second in zip(rounds[::2], rounds[1::2], strict=True)]
    return Row(
        name=name,
        ours=statistics.median(ours),
        peer=statistics.median(peer),
        unit=unit,
        bar=bar,
        higher_is_better=higher_is_better,
        ratio=statistics.median(ratios),
    )


def table(rows: Sequence[Row], *, peer: str) -> str:
    """Return the rows as text."""
    lines = [f"{'':36}{'Fairlead':>14}{peer:>14}{'ratio':>9}  bar"]
    lines += [
        f"{each.name:36}{each.ours:>14.1f}{each.peer:>14.1f}{each.ratio:>9.4g}  {each.verdict}  [{each.unit}]"
        for each in rows
    ]
    return "\n".join(lines)


def write(rows: Sequence[Row], path: Path) -> None:
    """Keep the rows as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([asdict(each) for each in rows], indent=2) + "\n")
