"""What the gateway knows of the models it routes to, on one machine and in a cluster alike."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from fairlead_contract.manifest import parse_object
from fairlead_contract.modeldeployment import ModelDeployment, Task
from fairlead_contract.names import identity_of, route_prefix
from fairlead_contract.serve_config import revision
from fairlead_contract.tenants import Limits
from fairlead_contract.yaml_documents import Json

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
    namespace: str | None = Field(default=None, description="Its namespace; null on one machine, which has none.")
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
    draining: bool = Field(default=False, description="The model is being deleted: nothing new goes there.")
    created_at: int = Field(description="Unix seconds at which the model was first applied.")
    generation: int | None = Field(default=None, description="Of the spec that this says, where specs are counted.")

    @property
    def identity(self) -> str:
        """The name that no other model has."""
        return identity_of(self.name, self.namespace)

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


@dataclass(frozen=True, slots=True)
class Upstream:
    """Where a model's replicas answer."""

    host: str
    port: int

    @classmethod
    def of(cls, form: str, *, name: str, namespace: str) -> "Upstream":
        """Return the address that a form such as `names.SERVE_ADDRESS` gives a ModelDeployment."""
        host, _, port = form.replace("{name}", name).replace("{namespace}", namespace).rpartition(":")
        return cls(host, int(port))


def route_of(deployment: ModelDeployment, upstream: Upstream, *, created_at: int) -> Route:
    """Return the route to a ModelDeployment's replicas; a suspended one stays listed.

    Args:
        deployment: What was applied.
        upstream: Where its replicas answer.
        created_at: Unix seconds at which it was first applied.
    """
    spec = deployment.spec
    return Route(
        name=deployment.name,
        served_name=deployment.served_name,
        aliases=spec.model.aliases,
        task=spec.model.task,
        revision=revision(deployment),
        upstream_host=upstream.host,
        upstream_port=upstream.port,
        path_prefix=route_prefix(deployment.name),
        limits=spec.limits,
        access=Access(tenants=spec.access.tenants, plans=spec.access.plans),
        cache_enabled=spec.cache.responses.enabled,
        cache_ttl_s=spec.cache.responses.ttl_seconds,
        suspended=spec.suspend,
        created_at=created_at,
    )


def route_of_object(document: Mapping[str, Json], upstream_form: str) -> Route:
    """Return the route to a ModelDeployment's replicas, from the object that the API server holds.

    Raises:
        ManifestError: The contract refuses it; the API server's own rules do not know engine arguments.
    """
    metadata = document["metadata"]
    namespace = metadata["namespace"]
    route = route_of(
        parse_object(document),
        Upstream.of(upstream_form, name=metadata["name"], namespace=namespace),
        created_at=int(datetime.fromisoformat(metadata["creationTimestamp"]).timestamp()),
    )
    of_cluster = {
        "namespace": namespace,
        "generation": metadata["generation"],
        "draining": "deletionTimestamp" in metadata,
    }
    return route.model_copy(update=of_cluster)
