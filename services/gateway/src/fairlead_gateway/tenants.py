"""The declared tenants, as the gateway uses them."""

from fairlead_contract.tenants import Limits, Tenant, Tenants, parse_tenants
from fairlead_gateway.current import Current

NO_TENANTS = Tenants(plans={}, tenants={})


class TenantDirectory:
    """Tenants, plans and their limits, from memory; what it was read from may change at any time."""

    def __init__(self, current: Current[Tenants]) -> None:
        self._current = current
        self._limits: dict[str, Limits] = {}
        self._limits_of: Tenants | None = None

    def find(self, tenant: str) -> Tenant | None:
        """Return an active tenant, or None where the tenant is not declared or is disabled."""
        declared = self._current.value.tenants.get(tenant)
        return None if declared is None or declared.disabled else declared

    def limits_of(self, tenant: str) -> Limits:
        """Return the smaller of a tenant's own limits and its plan's; a tenant no longer declared has limits of one."""
        tenants = self._current.value
        if tenants is not self._limits_of:
            self._limits, self._limits_of = {}, tenants
        limits = self._limits.get(tenant)
        if limits is None:
            limits = tenants.limits_of(tenant) if tenant in tenants.tenants else LIMITS_OF_NOBODY
            self._limits[tenant] = limits
        return limits


LIMITS_OF_NOBODY = Limits(requests_per_minute=1, tokens_per_minute=1)
"""A tenant that was removed between authentication and limiting must not become an unlimited one."""


def read_tenants(content: bytes) -> Tenants:
    """Parse the tenants file's content.

    Raises:
        ManifestError: One line per mistake.
    """
    return parse_tenants(content.decode(), where="tenants file")
