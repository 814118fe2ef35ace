"""Who is asking."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated caller.

    Attributes:
        tenant: The declared tenant for whom the request is made, limited, cached and counted.
        plan: The tenant's plan.
        subject: The person or program inside the tenant: a token's `sub`, or the name of an API key.
        key_id: Id of the API key, or None where a token was used.
    """

    tenant: str
    plan: str
    subject: str
    key_id: str | None = None
