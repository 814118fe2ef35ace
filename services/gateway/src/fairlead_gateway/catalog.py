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
from fairlead_gateway.current import Current
from fairlead_gateway.principal import Principal


@dataclass(frozen=True, slots=True)
class RouteIndex:
    """A route table by every name that clients may use.

    Attributes:
        routes: Oldest first.
        by_name: Each name's one owner.
        ending: By the names that nobody else owns, models that are being deleted.
    """

    routes: tuple[Route, ...] = ()
    by_name: Mapping[str, Route] = field(default_factory=lambda: MappingProxyType({}))
    ending: Mapping[str, Route] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def of(cls, table: RouteTable) -> "RouteIndex":
        """Index a table; a name that is claimed twice stays with the model that was applied first.

        A model that is being deleted gives up its names at once.
        """
        routes = tuple(sorted(table.routes, key=_age))
        by_name: dict[str, Route] = {}
        ending: dict[str, Route] = {}
        for route in routes:
            names = ending if route.draining else by_name
            for name in route.names:
                names.setdefault(name, route)
        return cls(routes=routes, by_name=MappingProxyType(by_name), ending=MappingProxyType(ending))

    def owned(self, route: Route) -> list[str]:
        """Return the names that lead to a route."""
        return [name for name in route.names if self.by_name.get(name) is route]


def read_routes(content: bytes) -> RouteIndex:
    """Parse the route file's content.

    Raises:
        pydantic.ValidationError: The content is no route table.
    """
    return RouteIndex.of(RouteTable.from_json(content))


class Catalog:
    """What a principal may ask for; what it was read from may change at any time."""

    def __init__(self, current: Current[RouteIndex]) -> None:
        self._current = current

    def find(self, model: str, principal: Principal) -> Route:
        """Return the route of a served name or alias, suspended or not.

        Raises:
            ModelNotFound: There is no such model, or it is not for this principal; the answer is the same, so that
                nobody learns of models that are not theirs.
        """
        index = self._current.value
        route = index.by_name.get(model)
        if route is not None and _admits(route, principal):
            return route
        ending = index.ending.get(model)
        if route is None and ending is not None and _admits(ending, principal):
            raise ModelNotFound(
                f"The model `{model}` is being deleted and takes no new requests. Use another model; GET /v1/models "
                "lists them.",
                param="model",
            )
        raise ModelNotFound(self._not_found(model, principal), param="model")

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

    def visible(self, principal: Principal) -> list[tuple[str, Route]]:
        """Return every name that a principal may use, and where it leads, the oldest models first."""
        index = self._current.value
        admitted = [route for route in index.routes if _admits(route, principal)]
        oldest_first = sorted(admitted, key=lambda route: (route.created_at, route.served_name))
        return [(name, route) for route in oldest_first for name in index.owned(route)]

    def _not_found(self, model: str, principal: Principal) -> str:
        names = [name for name, _ in self.visible(principal)]
        shown = model if len(model) <= MAX_SHOWN_NAME else model[:MAX_SHOWN_NAME] + "…"
        near = get_close_matches(model[:MAX_SHOWN_NAME], names, n=1)
        hint = f"Did you mean `{near[0]}`?" if near else "GET /v1/models lists the models that you may use."
        return f"The model `{shown}` does not exist or you do not have access to it. {hint}"


def _age(route: Route) -> tuple[int, str, str]:
    """Sort by age; of the same second the first by namespace and name, as the operator has it, is the oldest."""
    return route.created_at, route.namespace or "", route.name


def _admits(route: Route, principal: Principal) -> bool:
    """Return whether the model lets the principal in and the principal's grants let it ask."""
    return route.access.admits(principal.tenant, principal.plan) and principal.may_use_model(route.identity)


MAX_SHOWN_NAME = 80
