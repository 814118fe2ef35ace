"""Tenants and plans, declared in one YAML file.

    plans:
      default: {requestsPerMinute: 600, tokensPerMinute: 200000}
    tenants:
      local: {plan: default}
      acme: {plan: default, limits: {requestsPerMinute: 5}, grants: {models: [demo], routes: [chat, models]}}
    prices:
      demo: {input: 0.10, cachedInput: 0.05, output: 0.40}

A limit that is absent is no limit. Where a plan, a tenant and a model each set one, the smallest holds.
Prices are per million tokens, by ModelDeployment; the use of a model without one is counted, but not priced.
"""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from fairlead_contract.errors import ManifestError
from fairlead_contract.grants import DeclaredGrants
from fairlead_contract.mistakes import mistake, mistakes_of
from fairlead_contract.names import MAX_NAME_LENGTH
from fairlead_contract.prices import Price
from fairlead_contract.yaml_documents import read_documents, to_json

TENANT_PATTERN = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
TenantName = Annotated[str, Field(pattern=TENANT_PATTERN)]
ModelName = Annotated[str, Field(pattern=TENANT_PATTERN, max_length=MAX_NAME_LENGTH)]


class _Declared(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, alias_generator=to_camel, populate_by_name=True)


class Limits(_Declared):
    """Per-minute limits; None is no limit."""

    requests_per_minute: int | None = Field(default=None, ge=1, le=10_000_000)
    tokens_per_minute: int | None = Field(default=None, ge=1, le=1_000_000_000_000)

    def smallest(self, other: "Limits") -> "Limits":
        """Return, per limit, the smaller of the two that are set."""
        return Limits(
            requests_per_minute=_smaller(self.requests_per_minute, other.requests_per_minute),
            tokens_per_minute=_smaller(self.tokens_per_minute, other.tokens_per_minute),
        )


def _smaller(one: int | None, other: int | None) -> int | None:
    return min((limit for limit in (one, other) if limit is not None), default=None)


class Tenant(_Declared):
    """A customer or team: whose limits, keys and cached answers are apart from everyone else's."""

    plan: TenantName
    limits: Limits = Field(default_factory=Limits)
    disabled: bool = False
    grants: DeclaredGrants = Field(default_factory=DeclaredGrants)


class Tenants(_Declared):
    """The whole tenants file."""

    plans: dict[TenantName, Limits]
    tenants: dict[TenantName, Tenant]
    prices: dict[ModelName, Price] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _plans_exist(self) -> Self:
        for name, tenant in self.tenants.items():
            if tenant.plan not in self.plans:
                known = ", ".join(sorted(self.plans)) or "none"
                raise mistake(
                    f"plan {tenant.plan!r} is not declared",
                    f"write one of: {known}",
                    at=f"tenants.{name}.plan",
                )
        return self

    def limits_of(self, tenant: str) -> Limits:
        """Return a declared tenant's limits: the smaller of its own and its plan's.

        Raises:
            KeyError: The tenant is not declared.
        """
        declared = self.tenants[tenant]
        return declared.limits.smallest(self.plans[declared.plan])


def parse_tenants(text: str, *, where: str) -> Tenants:
    """Read a tenants file.

    Raises:
        ManifestError: One line per mistake.
    """
    document = read_documents(text, where=where)
    try:
        return Tenants.model_validate_json(to_json(document[0] if document else None))
    except ValidationError as error:
        raise ManifestError(where, mistakes_of(error, Tenants)) from None
