import pytest

from fairlead_gateway.ratelimit_headers import duration


@pytest.mark.parametrize(
    "milliseconds, written",
    [
        (0, "0ms"),
        (-5, "0ms"),
        (12, "12ms"),
        (1000, "1s"),
        (1500, "1.5s"),
        (59_999, "59.999s"),
        (60_000, "1m0s"),
        (61_000, "1m1s"),
    ],
)
def test_durations_are_written_as_openai_writes_them(milliseconds: int, written: str) -> None:
    """Clients parse `x-ratelimit-reset-*` as they do OpenAI's."""
    assert duration(milliseconds) == written
