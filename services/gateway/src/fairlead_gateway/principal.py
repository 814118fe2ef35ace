"""Who is asking, and what for they may ask."""

from dataclasses import dataclass

from fairlead_contract.errors import PermissionDenied
from fairlead_contract.grants import Grants
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
        grants: What the tenant may use, and what the credential's scopes narrow it to; all of them must allow.
        key_limits: How much the API key may use, besides its tenant's limits.
        is_admin: Whether the caller may see and change what concerns other tenants.
    """

    tenant: str
    plan: str
    subject: str
    key_id: str | None = None
    key_limits: Limits = NO_LIMITS
    grants: tuple[Grants, ...] = ()
    is_admin: bool = False

    def may_use_model(self, deployment: str) -> bool:
        """Return whether a ModelDeployment is granted; a model's `spec.access` is asked besides."""
        return all(grants.allow_model(deployment) for grants in self.grants)

    def may_use_route(self, route: str) -> bool:
        """Return whether a route is granted, by its name in `fairlead_contract.grants`."""
        return all(grants.allow_route(route) for grants in self.grants)


def permit(principal: Principal, route: str) -> None:
    """Let a principal use a route.

    Raises:
        PermissionDenied: The route is not granted.
    """
    if not principal.may_use_route(route):
        raise PermissionDenied(
            f"Your credentials do not grant the route `{route}`. Ask your operator for `routes: [{route}]` in the "
            f"tenant's grants, and for the scope `routes:{route}` where the token or key has scopes."
        )


def permit_admin(principal: Principal) -> None:
    """Let an admin through.

    Raises:
        PermissionDenied: The principal is none.
    """
    if not principal.is_admin:
        raise PermissionDenied(
            "Only admins may do this. Use a token with the scope `admin`, such as `fairlead token --admin` prints."
        )
