"""The time that a client gives a request: `x-request-timeout-seconds`, as Ray Serve names it.

It is kept by this gateway alone: when it is over the connection upstream is closed, and the engine stops.
"""

import math
from collections.abc import Mapping
from typing import Final

from fairlead_contract.errors import InvalidValue

TIMEOUT_HEADER: Final = "x-request-timeout-seconds"
_TIMEOUT_HEADER: Final = TIMEOUT_HEADER.encode("ascii")
_MAX_CHARS: Final = 20


def client_timeout_s(firsts: Mapping[bytes, bytes]) -> float | None:
    """Return the seconds that a client gives its request, or None where it does not say.

    Args:
        firsts: The first value of each header, by its lower-case name.

    Raises:
        InvalidValue: It is no positive number.
    """
    told = firsts.get(_TIMEOUT_HEADER)
    if told is None:
        return None
    try:
        seconds = float(told) if len(told) <= _MAX_CHARS else math.nan
    except ValueError:
        seconds = math.nan
    if not (math.isfinite(seconds) and seconds > 0):
        raise InvalidValue(f"The header {TIMEOUT_HEADER} must be a positive number of seconds, such as 30.")
    return seconds
