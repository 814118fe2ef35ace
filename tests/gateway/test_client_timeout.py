"""The time that a client gives its request."""

import pytest

from fairlead_contract.errors import InvalidValue
from fairlead_gateway.client_timeout import TIMEOUT_HEADER, client_timeout_s


def told(value: bytes) -> float | None:
    return client_timeout_s({b"host": b"h", TIMEOUT_HEADER.encode(): value})


@pytest.mark.parametrize("value, seconds", [(b"30", 30.0), (b"0.5", 0.5), (b"1e2", 100.0)])
def test_is_a_number_of_seconds(value: bytes, seconds: float) -> None:
    """Whole and broken seconds are understood."""
    assert told(value) == seconds


def test_may_be_left_out() -> None:
    """OpenAI's clients do not send it."""
    assert client_timeout_s({b"host": b"h"}) is None


@pytest.mark.parametrize("value", [b"", b"0", b"-1", b"nan", b"inf", b"1e999", b"5s", b"\xff", b"1" * 21])
def test_nonsense_is_refused(value: bytes) -> None:
    """The client learns what to write instead."""
    with pytest.raises(InvalidValue, match="positive number of seconds, such as 30"):
        told(value)
