"""`GET /internal/routes`, on the metrics' port: what the operator asks before it calls a model ready, or takes it away.

Names and numbers that the metrics tell too, and nothing else: whoever may scrape may read it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

import msgspec

from fairlead_contract.routing import Route
from fairlead_gateway.catalog import RouteIndex
from fairlead_gateway.current import Current
from fairlead_gateway.in_flight import InFlight

PATH: Final = "/internal/routes"

State = Literal["routed", "cold", "suspended", "name_taken", "draining"]


class _Row(msgspec.Struct, frozen=True):
    namespace: str | None
    name: str
    generation: int | None
    state: State
    running: int


class _Report(msgspec.Struct, frozen=True):
    routes: list[_Row]


@dataclass(frozen=True, slots=True)
class RouteReport:
    """What this gateway does with each model.

    Attributes:
        cold: Whether a model, by its identity, is known not to answer at the moment, so that its requests are held.
    """

    current: Current[RouteIndex]
    in_flight: InFlight
    cold: Callable[[str], bool]

    def render(self) -> bytes:
        """Return the report as JSON."""
        index = self.current.value
        return msgspec.json.encode(_Report([self._row(index, route) for route in index.routes]))

    def _row(self, index: RouteIndex, route: Route) -> _Row:
        running = self.in_flight.of(route.identity)
        return _Row(route.namespace, route.name, route.generation, self._state(index, route), running)

    def _state(self, index: RouteIndex, route: Route) -> State:
        if route.draining:
            return "draining"
        if not index.owned(route):
            return "name_taken"
        if route.suspended:
            return "suspended"
        return "cold" if self.cold(route.identity) else "routed"
