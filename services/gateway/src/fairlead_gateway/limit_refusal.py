"""What a client is told when a limit is reached: which one, whose it is, what is left and when it resets."""

import math
from collections.abc import Sequence

from fairlead_contract.errors import QuotaExhausted, RateLimited
from fairlead_gateway.buckets import Bucket, Kind
from fairlead_gateway.costs import money
from fairlead_gateway.ratelimit_headers import ratelimit_headers
from fairlead_gateway.windows import Charge, Decision


class LimitExceeded(RateLimited):
    """A limit is reached; carries the headers that say which and until when."""

    def __init__(self, message: str, *, retry_after_s: float, headers: list[tuple[str, str]], bucket: Bucket) -> None:
        super().__init__(message, retry_after_s=retry_after_s)
        self.headers = headers
        self.bucket = bucket


class QuotaExceeded(LimitExceeded, QuotaExhausted):
    """A daily quota has not enough left."""


def refusal(buckets: Sequence[Bucket], charges: Sequence[Charge], decision: Decision) -> LimitExceeded:
    """Return the error for a refused reservation; of several limits that refuse, the one that lasts longest is told."""
    states = decision.states
    index = max(range(len(buckets)), key=lambda i: states[i].wait_ms)
    bucket, charge, wait_s = buckets[index], charges[index], states[index].wait_ms / 1000
    left = max(charge.limit - states[index].used, 0)
    kind = QuotaExceeded if bucket.kind is Kind.DAY else LimitExceeded
    return kind(
        f"{_whose(bucket)} {_what(bucket, charge, left, wait_s)}",
        retry_after_s=wait_s,
        headers=ratelimit_headers(buckets, states, charges),
        bucket=bucket,
    )


def _whose(bucket: Bucket) -> str:
    return {"tenant": "Your", "key": "Your API key's"}.get(bucket.scope, f"The model `{bucket.owner}`'s")


def _what(bucket: Bucket, charge: Charge, left: int, wait_s: float) -> str:
    if bucket.kind is Kind.PARALLEL:
        return f"limit of {charge.limit} parallel requests is reached: {left} left. Retry when one of them has ended."
    if bucket.kind is Kind.WINDOW:
        return (
            f"limit of {charge.limit} {bucket.unit} per minute is reached: {left} left, {charge.cost} needed. "
            f"Retry in {math.ceil(wait_s)} s."
        )
    shown, named = (money, "money") if bucket.unit == "cost-day" else (str, "tokens")
    return (
        f"quota of {shown(charge.limit)} {named} per day does not cover this request: {shown(left)} left, "
        f"up to {shown(charge.cost)} needed. It resets at 00:00 UTC, in {_span(wait_s)}; a shorter prompt or a smaller "
        "bound of the answer needs less."
    )


def _span(seconds: float) -> str:
    hours, minutes = divmod(math.ceil(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
