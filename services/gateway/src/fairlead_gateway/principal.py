"""Who is asking."""

from dataclasses import dataclass

from fairlead_contract.tenants import Limits

NO_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated caller.

    Attributes:
        tenant: The declared tenant for whom the request is made, limited, cached and counted.
        plan: The tenant's plan.
        subject: The person or program inside the tenant: a token's `sub`, or the name of an API key.
        key_id: Id of the API key, or None where a token was used.
        key_limits: What the API key may use, besides its tenant's limits.
    """

    tenant: str
    plan: str
    subject: str
    key_id: str | None = None
    key_limits: Limits = NO_LIMITS
