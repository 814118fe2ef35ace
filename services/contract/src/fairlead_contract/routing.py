"""What the gateway knows of the models it routes to."""

from pydantic import BaseModel, ConfigDict, Field

from fairlead_contract.modeldeployment import Task
from fairlead_contract.tenants import Limits

ROUTE_TABLE_VERSION = 1


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Access(_Frozen):
    """Who may use a model; no tenant and no plan named means every tenant."""

    tenants: tuple[str, ...] = ()
    plans: tuple[str, ...] = ()

    def admits(self, tenant: str, plan: str) -> bool:
        """Return whether a tenant on a plan may use the model."""
        if not self.tenants and not self.plans:
            return True
        return tenant in self.tenants or plan in self.plans


class Route(_Frozen):
    """One model as the gateway sees it."""

    name: str = Field(description="Name of the ModelDeployment.")
    served_name: str = Field(description="The model name that clients send and that the engine knows.")
    aliases: tuple[str, ...] = ()
    task: Task = "generate"
    revision: str = Field(description="Changes whenever answers may change: model source or engine arguments.")
    upstream_host: str
    upstream_port: int
    path_prefix: str = Field(description="Path below which the model's replicas answer, such as /demo.")
    limits: Limits = Field(default_factory=Limits, description="Caps of the model, over all tenants together.")
    access: Access = Field(default_factory=Access)
    cache_enabled: bool = True
    cache_ttl_s: int = Field(default=3600, description="Seconds that a cached answer stays fresh.")
    suspended: bool = False
    created_at: int = Field(description="Unix seconds at which the model was first applied.")

    @property
    def names(self) -> tuple[str, ...]:
        """Every name by which clients may ask for the model."""
        return (self.served_name, *self.aliases)


class RouteTable(_Frozen):
    """All routes of a gateway, as one file or one watch delivers them."""

    version: int = ROUTE_TABLE_VERSION
    routes: tuple[Route, ...] = ()

    def to_json(self) -> str:
        """Return the table as the JSON that `from_json` reads."""
        return self.model_dump_json(indent=2)

    @classmethod
    def from_json(cls, text: str | bytes) -> "RouteTable":
        """Read a table.

        Raises:
            pydantic.ValidationError: The text is no route table.
        """
        return cls.model_validate_json(text)
