"""What a request has been charged, and what of it is given back when it ends."""

import msgspec

from fairlead_gateway.buckets import Bucket, Kind
from fairlead_gateway.costs import Cost
from fairlead_gateway.outcome import Outcome
from fairlead_gateway.ratelimit_headers import ratelimit_headers
from fairlead_gateway.usage import Usage
from fairlead_gateway.windows import Charge, Decision

NOT_LIMITED = Decision(slot=0, allowed=True, states=())


class Reservation(msgspec.Struct):
    """What a request is to be charged; once it is reserved, what it has been charged until it is settled.

    Attributes:
        id: Names it in Redis, "" where it holds nothing that needs a name.
        hard: Whether it holds a part of a daily quota.
        model: Name of the model, which has the price.
        prompt_tokens: Estimate of the prompt's tokens.
        answer_bound: Tokens that the engine must be told as the bound of each answer, or None where the request states
            one itself or needs none.
        local_slot: Where this gateway's own memory has noted it.
        local: Whether it was made without Redis.
    """

    buckets: tuple[Bucket, ...] = ()
    charges: tuple[Charge, ...] = ()
    decision: Decision = NOT_LIMITED
    id: str = ""
    hard: bool = False
    model: str = ""
    prompt_tokens: int = 0
    answer_bound: int | None = None
    local_slot: int = 0
    local: bool = False
    settled: bool = False

    def headers(self) -> list[tuple[str, str]]:
        """Return `x-ratelimit-*` headers: per unit those of the bucket with the least left."""
        return ratelimit_headers(self.buckets, self.decision.states, self.charges)

    def differences(self, usage: Usage | None, outcome: Outcome, cost: Cost) -> tuple[Charge, ...]:
        """Return, for each bucket that changes, what was used less what was reserved."""
        tokens, billed = self._billed(usage, outcome, cost)
        found = []
        for bucket, charge in zip(self.buckets, self.charges, strict=True):
            if bucket.unit == "tokens":
                actual = self._soft_tokens(charge, usage, outcome)
            elif bucket.unit == "tokens-day":
                actual = charge.cost if tokens is None else tokens
            elif bucket.unit == "cost-day":
                actual = charge.cost if billed is None else billed
            elif bucket.kind is Kind.PARALLEL:
                actual = 0
            else:
                actual = 0 if outcome is Outcome.FAILED and usage is None else charge.cost
            if actual != charge.cost:
                found.append(charge.but(actual - charge.cost))
        return tuple(found)

    def _soft_tokens(self, charge: Charge, usage: Usage | None, outcome: Outcome) -> int:
        if outcome is Outcome.CACHED or (usage is None and outcome is Outcome.FAILED):
            return 0
        if usage is not None:
            return usage.total_tokens
        return charge.cost  # a finished answer whose engine did not count

    def _billed(self, usage: Usage | None, outcome: Outcome, cost: Cost) -> tuple[int | None, int | None]:
        """Return tokens and billionths to bill; None where nothing better is known than what was reserved."""
        if outcome is Outcome.CACHED or (usage is None and outcome is Outcome.FAILED):
            return 0, 0
        if usage is None or not self.hard:
            return None, None
        return usage.total_tokens, cost(self.model, usage)
