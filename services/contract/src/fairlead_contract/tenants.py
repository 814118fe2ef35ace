"""Tenants and plans, declared in one YAML file.

    plans:
      default: {requestsPerMinute: 600, tokensPerMinute: 200000, parallelRequests: 32, costPerDay: 20.0}
    tenants:
      local: {plan: default}
      acme: {plan: default, limits: {requestsPerMinute: 5}, grants: {models: [demo], routes: [chat, models]}}
    prices:
      demo: {input: 0.10, cachedInput: 0.05, output: 0.40}

A limit that is absent is no limit. Where a plan, a tenant and a model each set one, the smallest holds.
Prices are per million tokens, by ModelDeployment; the use of a model without one is counted, but not priced. In a
cluster prices and grants name a ModelDeployment with its namespace before it, such as team-a/demo.
"""

from typing import Annotated, Any, Self

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
_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
ModelName = Annotated[str, Field(pattern=rf"^({_LABEL}/)?{_LABEL}$", max_length=64 + MAX_NAME_LENGTH)]
"""A ModelDeployment, by the name that no other has: `demo` on one machine, `team-a/demo` in a cluster."""


class _Declared(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, alias_generator=to_camel, populate_by_name=True)


class Limits(_Declared):
    """How much may be used; None is no limit. Those per day are hard quotas, the others soft limits."""

    requests_per_minute: int | None = Field(default=None, ge=1, le=10_000_000)
    tokens_per_minute: int | None = Field(default=None, ge=1, le=1_000_000_000_000)
    parallel_requests: int | None = Field(
        default=None, ge=1, le=1_000_000, description="Requests that run at the same time."
    )
    tokens_per_day: int | None = Field(
        default=None,
        ge=1,
        le=1_000_000_000_000,
        description="Tokens of prompt and answer in a day of UTC; never exceeded.",
    )
    cost_per_day: float | None = Field(
        default=None,
        ge=0.000001,
        le=1_000_000,
        description="Money spent in a day of UTC, in the currency of `prices`; never exceeded.",
    )

    def smallest(self, other: "Limits") -> "Limits":
        """Return, per limit, the smaller of the two that are set."""
        names = type(self).model_fields
        both = {name: (getattr(self, name), getattr(other, name)) for name in names}
        return Limits(**{name: _smaller(*limits) for name, limits in both.items()})


def _smaller(one: Any, other: Any) -> Any:  # noqa: ANN401 - integers and amounts of money alike
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
