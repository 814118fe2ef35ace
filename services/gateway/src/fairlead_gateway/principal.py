"""Who is asking."""

from dataclasses import dataclass

from fairlead_contract.names import ADMIN_SCOPE


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated caller.

    Attributes:
        tenant: The declared tenant for whom the request is made, limited, cached and counted.
        plan: The tenant's plan.
        subject: The person or program inside the tenant: a token's `sub`, or the name of an API key.
        key_id: Id of the API key, or None where a token was used.
        scopes: What the caller may do beyond using models for its tenant.
    """

    tenant: str
    plan: str
    subject: str
    key_id: str | None = None
    scopes: frozenset[str] = frozenset()

    @property
    def is_admin(self) -> bool:
        """Whether the caller may see what concerns other tenants."""
        return ADMIN_SCOPE in self.scopes
