"""Routes from ModelDeployments, as the API server tells of them."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from fairlead_contract.errors import ManifestError
from fairlead_contract.names import identity_of
from fairlead_contract.routing import Route, RouteTable, route_of_object
from fairlead_contract.yaml_documents import Json
from fairlead_gateway.catalog import RouteIndex

log = logging.getLogger(__name__)


class Stamp(NamedTuple):
    """What changes when a route may: status and labels come and go without it."""

    uid: str
    generation: int
    deleting: bool

    @classmethod
    def of(cls, document: Json) -> "Stamp":
        metadata = document["metadata"]
        return cls(metadata["uid"], metadata["generation"], "deletionTimestamp" in metadata)


@dataclass(frozen=True, slots=True)
class Seen:
    """A ModelDeployment as it was seen last; without a route where it never had one that the contract takes."""

    stamp: Stamp
    route: Route | None


class DeploymentShelf:
    """The ModelDeployments of one watch."""

    def __init__(self, upstream_form: str, on_change: Callable[[], None]) -> None:
        self.seen: dict[str, Seen] = {}
        self._upstream_form = upstream_form
        self._on_change = on_change

    def replace(self, documents: Iterable[Json]) -> None:
        """Take these objects for all that there are."""
        before, self.seen = self.seen, {}
        for document in documents:
            identity = _identity(document)
            self.seen[identity] = self._look(identity, document, before.get(identity))
        self._on_change()

    def put(self, document: Json) -> None:
        """Take a new or changed object."""
        identity = _identity(document)
        before = self.seen.get(identity)
        self.seen[identity] = self._look(identity, document, before)
        if self.seen[identity] is not before:
            self._on_change()

    def remove(self, document: Json) -> None:
        """Let go of an object that was deleted."""
        if self.seen.pop(_identity(document), None) is not None:
            self._on_change()

    def _look(self, identity: str, document: Json, before: Seen | None) -> Seen:
        stamp = Stamp.of(document)
        if before is not None and before.stamp == stamp:
            return before
        same = before.route if before is not None and before.stamp.uid == stamp.uid else None
        route: Route | None
        try:
            route = route_of_object(document, self._upstream_form)
        except ManifestError as error:
            kept = "what was applied before stays in force" if same is not None else "it is not routed"
            log.warning("model %s: %s; %s", identity, error, kept)
            route = None if same is None else same.model_copy(update={"draining": stamp.deleting})
        return Seen(stamp, route)


class ClusterRoutes:
    """The routes of all watches together.

    Args:
        on_change: Called with the number of models that are routed, and that are not for the contract refuses them.
    """

    def __init__(self, upstream_form: str, on_change: Callable[[int, int], None]) -> None:
        self.value = RouteIndex()
        self._upstream_form = upstream_form
        self._on_change = on_change
        self._shelves: list[DeploymentShelf] = []

    def shelf(self) -> DeploymentShelf:
        """Return where the ModelDeployments of one more watch are put."""
        shelf = DeploymentShelf(self._upstream_form, self._index)
        self._shelves.append(shelf)
        return shelf

    def _index(self) -> None:
        seen = [each for shelf in self._shelves for each in shelf.seen.values()]
        routes = tuple(each.route for each in seen if each.route is not None)
        self.value = RouteIndex.of(RouteTable(routes=routes))
        self._on_change(len(routes), len(seen) - len(routes))


def _identity(document: Json) -> str:
    metadata = document["metadata"]
    return identity_of(metadata["name"], metadata["namespace"])
