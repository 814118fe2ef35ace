"""`x-ratelimit-*`, as OpenAI documents them: limit, what remains of it, and the time until all of it is back.

Beyond OpenAI's `requests` and `tokens` there are `parallel` (which has no time), `tokens-day` and `cost-day` (money).
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from fairlead_gateway.buckets import KINDS, Bucket
from fairlead_gateway.costs import money
from fairlead_gateway.windows import BucketState, Charge

_NAMES: Final = {
    unit: (f"x-ratelimit-limit-{unit}", f"x-ratelimit-remaining-{unit}", f"x-ratelimit-reset-{unit}") for unit in KINDS
}


def ratelimit_headers(
    buckets: Sequence[Bucket], states: Sequence[BucketState], charges: Sequence[Charge]
) -> list[tuple[str, str]]:
    """Return the headers: per unit those of the bucket with the least left."""
    least: dict[str, tuple[int, int, int]] = {}
    for bucket, state, charge in zip(buckets, states, charges, strict=True):
        left = charge.limit - state.used
        found = least.get(bucket.unit)
        if found is None or left < found[1]:
            least[bucket.unit] = (charge.limit, left, state.reset_ms)
    headers = []
    for unit in least if len(least) == 1 else [unit for unit in KINDS if unit in least]:
        limit, left, reset_ms = least[unit]
        shown = money if unit == "cost-day" else str
        of_limit, of_remaining, of_reset = _NAMES[unit]
        headers.append((of_limit, shown(limit)))
        headers.append((of_remaining, shown(max(left, 0))))
        if unit != "parallel":
            headers.append((of_reset, duration(reset_ms)))
    return headers


@lru_cache(maxsize=4096)
def duration(milliseconds: int) -> str:
    """Return a duration as OpenAI's headers write it: `12ms`, `1.5s`, `1m1s`, `3h0m0s`.

    Under load most requests ask for one of the thousand that a window which was just charged has left.
    """
    if milliseconds < 1000:  # noqa: PLR2004
        return f"{max(milliseconds, 0)}ms"
    seconds, rest = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    fraction = f".{rest:03d}".rstrip("0") if rest else ""
    hours, minutes_of_hour = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes_of_hour}m{seconds}{fraction}s"
    return f"{minutes}m{seconds}{fraction}s" if minutes else f"{seconds}{fraction}s"
