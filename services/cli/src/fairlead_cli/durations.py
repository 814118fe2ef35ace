"""Lengths of time as people write them: 90s, 30m, 24h, 7d."""

import re
from datetime import timedelta

from fairlead_contract.errors import InvalidValue

_FORM = re.compile(r"(?P<number>\d{1,6})(?P<unit>[smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_MINUTE_S, _HOUR_S = 60, 3600


def parse_duration(text: str, *, or_none: bool = False) -> timedelta:
    """Read a length of time; zero is one where there may be none.

    Raises:
        InvalidValue: The text is none, or it is zero.
    """
    match = _FORM.fullmatch(text.strip())
    length = timedelta(**{_UNITS[match["unit"]]: int(match["number"])}) if match else timedelta()
    if match is None or not (length or or_none):
        raise InvalidValue(f"{text!r} is no length of time; write a number and s, m, h or d, such as 24h")
    return length


def render_duration(seconds: float) -> str:
    """Return a length of time in at most two units: 42s, 3m10s, 2h05m."""
    whole = round(seconds)
    if whole < _MINUTE_S:
        return f"{whole}s"
    if whole < _HOUR_S:
        return f"{whole // _MINUTE_S}m{whole % _MINUTE_S:02}s"
    return f"{whole // _HOUR_S}h{whole % _HOUR_S // _MINUTE_S:02}m"
