from pathlib import Path

import pytest

from fairlead_contract.errors import ManifestError
from fairlead_contract.tenants import Limits, Tenants
from fairlead_gateway.tenants import NO_TENANTS, TenantDirectory, read_tenants
from fairlead_gateway.watch import WatchedFile

Watched = tuple[WatchedFile[Tenants], TenantDirectory]

DECLARED = """
plans:
  default: {requestsPerMinute: 600, tokensPerMinute: 1000}
tenants:
  acme: {plan: default, limits: {requestsPerMinute: 5}}
  gone: {plan: default, disabled: true}
"""


@pytest.fixture
def directory(tmp_path: Path) -> Watched:
    file = WatchedFile(tmp_path / "tenants.yaml", read_tenants, absent=NO_TENANTS)
    file.path.write_text(DECLARED)
    file.poll()
    return file, TenantDirectory(file)


def test_a_tenant_has_the_smaller_of_its_own_and_its_plans_limits(
    directory: Watched,
) -> None:
    """The smallest limit holds."""
    assert directory[1].limits_of("acme") == Limits(requests_per_minute=5, tokens_per_minute=1000)


def test_only_declared_and_active_tenants_are_found(directory: Watched) -> None:
    """A disabled tenant is as unknown as an undeclared one."""
    found = [directory[1].find(tenant) for tenant in ("acme", "gone", "nobody")]
    assert [tenant and tenant.plan for tenant in found] == ["default", None, None]


def test_a_changed_file_changes_limits_at_once(directory: Watched) -> None:
    """Limits that were looked up before a change are not kept."""
    file, tenants = directory
    assert tenants.limits_of("acme").requests_per_minute == 5
    file.path.write_text(DECLARED.replace("requestsPerMinute: 5}", "requestsPerMinute: 50}"))
    file.poll()
    assert tenants.limits_of("acme").requests_per_minute == 50


def test_a_broken_file_keeps_the_last_good_tenants(directory: Watched) -> None:
    """A tenant on an undeclared plan is told, and nobody loses access."""
    file, tenants = directory
    file.path.write_text(DECLARED.replace("acme: {plan: default", "acme: {plan: platinum"))
    file.poll()
    acme = tenants.find("acme")
    assert acme is not None
    assert acme.plan == "default"
    assert "platinum" in (file.problem or "")


def test_a_removed_tenant_does_not_become_unlimited(directory: Watched) -> None:
    """A request in flight while its tenant is removed falls under the smallest limits, not under none."""
    assert directory[1].limits_of("nobody") == Limits(requests_per_minute=1, tokens_per_minute=1)


def test_a_file_that_is_no_yaml_is_refused() -> None:
    """Broken syntax is a mistake with a place."""
    with pytest.raises(ManifestError):
        read_tenants(b"plans: [")
