"""Which limits a request falls under: those of its tenant, of its API key and of its model."""

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Final

from fairlead_contract.routing import Route
from fairlead_contract.tenants import Limits
from fairlead_gateway.costs import BILLION
from fairlead_gateway.principal import Principal
from fairlead_gateway.tenants import TenantDirectory
from fairlead_gateway.windows import Charge

KEY_PREFIX: Final = "fairlead:limit:"
MAX_REMEMBERED: Final = 10_000


class Kind(StrEnum):
    """How a bucket empties again; the values are those that the scripts know."""

    WINDOW = "w"
    """As each second leaves the sliding window of a minute."""
    DAY = "d"
    """At midnight UTC: a hard quota."""
    PARALLEL = "p"
    """As each request ends."""


KINDS: Final = {
    "requests": Kind.WINDOW,
    "tokens": Kind.WINDOW,
    "parallel": Kind.PARALLEL,
    "tokens-day": Kind.DAY,
    "cost-day": Kind.DAY,
}
"""Every unit, in the order in which headers tell them."""


@dataclass(frozen=True)
class Bucket:
    """One limit of one tenant, API key or model.

    Attributes:
        scope: `tenant`, `key` or `model`.
        owner: The tenant's or the model's name, or the key's id.
        unit: One of KINDS.
        limit: What it holds; for `cost-day` in billionths.
    """

    scope: str
    owner: str
    unit: str
    limit: int

    @cached_property
    def key(self) -> str:
        """The bucket's key in Redis."""
        return f"{KEY_PREFIX}{self.scope}:{self.owner}:{self.unit}"

    @cached_property
    def kind(self) -> Kind:
        return KINDS[self.unit]

    @cached_property
    def one(self) -> Charge:
        """The charge of one request, whatever it uses."""
        return self.charge(1)

    def charge(self, cost: int) -> Charge:
        return Charge(self.key, self.limit, cost, self._letter)

    @cached_property
    def _letter(self) -> str:
        return self.kind.value


@dataclass(frozen=True)
class BucketSet:
    """All limits of one request.

    Attributes:
        hard: Whether a daily quota is among them.
        parallel: Whether a limit of parallel requests is.
    """

    buckets: tuple[Bucket, ...] = ()
    hard: bool = False
    parallel: bool = False

    @classmethod
    def of(cls, buckets: tuple[Bucket, ...]) -> "BucketSet":
        kinds = {bucket.kind for bucket in buckets}
        return cls(buckets, hard=Kind.DAY in kinds, parallel=Kind.PARALLEL in kinds)

    @cached_property
    def free_of_cost(self) -> "BucketSet":
        """The limits of a request that costs no money."""
        return BucketSet.of(tuple(bucket for bucket in self.buckets if bucket.unit != "cost-day"))


class BucketBook:
    """Finds a request's limits; remembered until one of them is declared anew."""

    def __init__(self, tenants: TenantDirectory) -> None:
        self._tenants = tenants
        self._known: dict[tuple[str, str | None, str, bool, bool], tuple[Limits, Limits, Limits, BucketSet]] = {}

    def of(self, principal: Principal, route: Route, *, counted: bool, paid: bool) -> BucketSet:
        """Return the limits under which a request to a model falls.

        One that is not counted uses no tokens, one that is not paid nothing that may have a price.
        """
        of_tenant, of_key, of_model = self._tenants.limits_of(principal.tenant), principal.key_limits, route.limits
        name = (principal.tenant, principal.key_id, route.identity, counted, paid)
        known = self._known.get(name)
        if known is not None and known[0] is of_tenant and known[1] is of_key and known[2] is of_model:
            return known[3]
        owned = [("tenant", principal.tenant, of_tenant), ("model", route.identity, of_model)]
        if principal.key_id is not None:
            owned.insert(1, ("key", principal.key_id, of_key))
        found = BucketSet.of(
            tuple(bucket for owner in owned for bucket in _buckets(*owner, counted=counted, paid=paid))
        )
        if len(self._known) >= MAX_REMEMBERED:
            self._known.clear()
        self._known[name] = (of_tenant, of_key, of_model, found)
        return found


def _buckets(scope: str, owner: str, limits: Limits, *, counted: bool, paid: bool) -> list[Bucket]:
    declared = [("requests", limits.requests_per_minute), ("parallel", limits.parallel_requests)]
    if counted:
        declared += [("tokens", limits.tokens_per_minute), ("tokens-day", limits.tokens_per_day)]
    if paid:
        cost = None if limits.cost_per_day is None else round(limits.cost_per_day * BILLION)
        declared.append(("cost-day", cost))
    return [Bucket(scope, owner, unit, limit) for unit, limit in declared if limit is not None]
