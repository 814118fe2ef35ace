from fairlead_gateway.tenant_salt import TenantSalts


def test_a_tenant_has_one_salt_at_every_gateway() -> None:
    """Gateways share prefix caches of the same tenant."""
    assert TenantSalts(b"s" * 32).of("acme") == TenantSalts(b"s" * 32).of("acme")


def test_tenants_and_installations_have_salts_of_their_own() -> None:
    """Nobody can make another tenant's salt without the secret."""
    salts = {TenantSalts(secret).of(tenant) for secret in (b"s" * 32, b"t" * 32) for tenant in ("acme", "globex")}
    assert len(salts) == 4


def test_a_salt_is_what_the_engine_takes() -> None:
    """VLLM takes up to 128 characters without `@`, slashes, backslashes and NUL."""
    salt = TenantSalts(b"s" * 32).of("acme")
    assert len(salt) <= 128
    assert salt.isalnum()
