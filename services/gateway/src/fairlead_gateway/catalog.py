"""Model names to routes, from memory.

A model that is scaled to zero, still loading or restarting is a model all the same: the catalog follows what was
declared, never what happens to be running.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from types import MappingProxyType

from fairlead_contract.errors import ModelNotFound, ModelSuspended
from fairlead_contract.routing import Route, RouteTable
from fairlead_gateway.principal import Principal
from fairlead_gateway.watch import WatchedFile


@dataclass(frozen=True, slots=True)
class RouteIndex:
    """A route table by every name that clients may use."""

    routes: tuple[Route, ...] = ()
    by_name: Mapping[str, Route] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def of(cls, table: RouteTable) -> "RouteIndex":
        """Index a table; a name that is claimed twice stays with the model that was applied first."""
        by_name: dict[str, Route] = {}
        for route in sorted(table.routes, key=lambda route: (route.created_at, route.name)):
            for name in route.names:
                by_name.setdefault(name, route)
        return cls(routes=table.routes, by_name=MappingProxyType(by_name))


def read_routes(content: bytes) -> RouteIndex:
    """Parse the route file's content.

    Raises:
        pydantic.ValidationError: The content is no route table.
    """
    return RouteIndex.of(RouteTable.from_json(content))


class Catalog:
    """What a principal may ask for; the file behind it may change at any time."""

    def __init__(self, file: WatchedFile[RouteIndex]) -> None:
        self._file = file

    @property
    def loaded(self) -> bool:
        """Whether a route table has been read at least once."""
        return self._file.loaded

    def find(self, model: str, principal: Principal) -> Route:
        """Return the route of a served name or alias, suspended or not.

        Raises:
            ModelNotFound: There is no such model, or it is not for this principal; the answer is the same, so that
                nobody learns of models that are not theirs.
        """
        route = self._file.value.by_name.get(model)
        if route is None or not _admits(route, principal):
            raise ModelNotFound(self._not_found(model, principal), param="model")
        return route

    def resolve(self, model: str, principal: Principal) -> Route:
        """Return the route to which a request for a model goes.

        Raises:
            ModelNotFound: As `find`.
            ModelSuspended: The model's owner has suspended it.
        """
        route = self.find(model, principal)
        if route.suspended:
            raise ModelSuspended(
                f"The model `{model}` is suspended by its owner. Use another model; GET /v1/models lists them.",
                param="model",
            )
        return route

    def visible(self, principal: Principal) -> list[Route]:
        """Return the routes that a principal may use, oldest first."""
        admitted = (route for route in self._file.value.routes if _admits(route, principal))
        return sorted(admitted, key=lambda route: (route.created_at, route.served_name))

    def _not_found(self, model: str, principal: Principal) -> str:
        names = [name for route in self.visible(principal) for name in route.names]
        shown = model if len(model) <= MAX_SHOWN_NAME else model[:MAX_SHOWN_NAME] + "…"
        near = get_close_matches(model[:MAX_SHOWN_NAME], names, n=1)
        hint = f"Did you mean `{near[0]}`?" if near else "GET /v1/models lists the models that you may use."
        return f"The model `{shown}` does not exist or you do not have access to it. {hint}"


def _admits(route: Route, principal: Principal) -> bool:
    """Return whether the model lets the principal in and the principal's grants let it ask."""
    return route.access.admits(principal.tenant, principal.plan) and principal.may_use_model(route.name)


MAX_SHOWN_NAME = 80
