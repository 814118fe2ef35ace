"""`x-ratelimit-*`, as OpenAI documents them: limit, what remains of it, and the time until all of it is back."""

from collections.abc import Sequence

from fairlead_gateway.buckets import Bucket
from fairlead_gateway.windows import BucketState, Charge


def ratelimit_headers(
    buckets: Sequence[Bucket], states: Sequence[BucketState], charges: Sequence[Charge]
) -> list[tuple[str, str]]:
    """Return the headers: per unit those of the bucket with the least left."""
    headers = []
    for unit in ("requests", "tokens"):
        found = [i for i, bucket in enumerate(buckets) if bucket.unit == unit]
        if not found:
            continue
        least = min(found, key=lambda i: charges[i].limit - states[i].used)
        headers += [
            (f"x-ratelimit-limit-{unit}", str(charges[least].limit)),
            (f"x-ratelimit-remaining-{unit}", str(max(charges[least].limit - states[least].used, 0))),
            (f"x-ratelimit-reset-{unit}", duration(states[least].reset_ms)),
        ]
    return headers


def duration(milliseconds: int) -> str:
    """Return a duration as OpenAI's headers write it: `12ms`, `1.5s`, `1m1s`."""
    if milliseconds < 1000:  # noqa: PLR2004
        return f"{max(milliseconds, 0)}ms"
    minutes, rest = divmod(milliseconds, 60_000)
    seconds = f"{rest / 1000:.3f}".rstrip("0").rstrip(".")
    return f"{minutes}m{seconds}s" if minutes else f"{seconds}s"
