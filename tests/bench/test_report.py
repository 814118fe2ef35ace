import json
from pathlib import Path

import pytest

from tests.bench import report


def throughput(ours: list[float], peer: list[float]) -> report.Row:
    """Return a throughput row with a bar of 0.95."""
    return report.row("throughput c=16", ours, peer, unit="tokens/s", bar=0.95, higher_is_better=True)


def test_ratio_is_paired() -> None:
    """The ratio is the median of the blocks' own ratios, not the ratio of medians."""
    row = throughput([10.0, 10.0, 100.0, 100.0, 90.0, 90.0], [10.0, 10.0, 200.0, 200.0, 100.0, 100.0])

    assert row.ratio == pytest.approx(0.9)


def test_being_first_cancels() -> None:
    """An arm that is twice as fast whenever it goes first is no faster for it."""
    assert throughput([20.0, 10.0], [10.0, 20.0]).ratio == pytest.approx(1.0)


def test_rounds_come_in_pairs() -> None:
    """An odd round would favour one arm, so it is refused."""
    with pytest.raises(ValueError, match="even"):
        throughput([10.0], [10.0])


def test_bars_are_told() -> None:
    """The table says of each row whether its bar is reached."""
    missed, reached = throughput([9.0] * 2, [10.0] * 2), throughput([10.0] * 2, [10.0] * 2)

    text = report.table([missed, reached], peer="bare vLLM")

    assert text.count("MISSED") == 1
    assert text.count("reached") == 1


def test_times_have_a_ceiling() -> None:
    """For times the bar is a ceiling."""
    row = report.row("ttft p50 c=1", [12.0] * 2, [10.0] * 2, unit="ms", bar=1.25, higher_is_better=False)

    assert row.verdict == "reached (≤ 1.25)"


def test_rows_are_kept(tmp_path: Path) -> None:
    """Rows are kept as JSON with their name, both figures and the ratio."""
    report.write([throughput([9.0] * 2, [10.0] * 2)], tmp_path / "build" / "platform.json")

    [row] = json.loads((tmp_path / "build" / "platform.json").read_text())

    assert (row["name"], row["ours"], row["peer"], row["ratio"]) == ("throughput c=16", 9.0, 10.0, pytest.approx(0.9))
