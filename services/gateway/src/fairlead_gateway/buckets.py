"""Which limits a request falls under, and what it is charged in each before it runs.

    tokens = ceil(prompt bytes / 4) + answers x answer tokens,   at most the limit

with the stated bound of the answer, or else at most 1,024 tokens and a quarter of the limit, so that a small limit does
not refuse every request that states none. Four bytes per token is what English text has; settling corrects the rest.
"""

from dataclasses import dataclass

from fairlead_contract.routing import Route
from fairlead_gateway.call import Call
from fairlead_gateway.tenants import TenantDirectory

BYTES_PER_TOKEN = 4
DEFAULT_ANSWER_TOKENS = 1024
KEY_PREFIX = "fairlead:limit:"


@dataclass(frozen=True, slots=True)
class Bucket:
    """One limit of one tenant or model.

    Attributes:
        scope: `tenant` or `model`.
        owner: The tenant's or the model's name.
        unit: `requests` or `tokens`.
    """

    scope: str
    owner: str
    unit: str
    limit: int

    @property
    def key(self) -> str:
        """The bucket's key in Redis."""
        return f"{KEY_PREFIX}{self.scope}:{self.owner}:{self.unit}"


def buckets_of(tenant: str, tenants: TenantDirectory, route: Route, *, counted: bool) -> tuple[Bucket, ...]:
    """Return the limits under which a tenant's request to a model falls: the tenant's own and the model's."""
    found = []
    for scope, owner, limits in (("tenant", tenant, tenants.limits_of(tenant)), ("model", route.name, route.limits)):
        if limits.requests_per_minute is not None:
            found.append(Bucket(scope, owner, "requests", limits.requests_per_minute))
        if counted and limits.tokens_per_minute is not None:
            found.append(Bucket(scope, owner, "tokens", limits.tokens_per_minute))
    return tuple(found)


def prompt_tokens(call: Call) -> int:
    """Return the estimate of a prompt's tokens, once per answer of a list of prompts being part of the same bytes."""
    return -(-call.prompt_bytes // BYTES_PER_TOKEN)


def cost_of(call: Call, bucket: Bucket) -> int:
    """Return what a request is charged in a bucket before it runs; never more than the limit."""
    if bucket.unit == "requests":
        return 1
    answer = call.max_output_tokens
    if answer is None:
        answer = max(1, min(DEFAULT_ANSWER_TOKENS, bucket.limit // 4))
    return min(prompt_tokens(call) + call.choices * answer, bucket.limit)
