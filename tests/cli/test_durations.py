"""Lengths of time as people write and read them."""

from datetime import timedelta

import pytest

from fairlead_cli.durations import parse_duration, render_duration
from fairlead_contract.errors import InvalidValue


@pytest.mark.parametrize(
    "text, length",
    [
        ("90s", timedelta(seconds=90)),
        ("30m", timedelta(minutes=30)),
        (" 24h ", timedelta(hours=24)),
        ("7d", timedelta(days=7)),
    ],
)
def test_parse(text: str, length: timedelta) -> None:
    """A number and a unit make a length of time."""
    assert parse_duration(text) == length


@pytest.mark.parametrize("text", ["", "24", "h", "-1h", "1.5h", "0s", "1w", "1h30m", "9999999d"])
def test_no_duration(text: str) -> None:
    """Anything else is refused with an example of what to write."""
    with pytest.raises(InvalidValue, match="such as 24h"):
        parse_duration(text)


@pytest.mark.parametrize(
    "seconds, text", [(0.4, "0s"), (59.4, "59s"), (59.6, "1m00s"), (190, "3m10s"), (7500, "2h05m")]
)
def test_render(seconds: float, text: str) -> None:
    """Seconds are told in at most two units."""
    assert render_duration(seconds) == text
