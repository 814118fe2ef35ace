"""Follows a collection for ever: lists it, then watches it, and begins again with pauses whenever that breaks.

What is known stays in force meanwhile: a gateway that has lost the API server serves what it served.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Iterable
from typing import Final, Protocol

from fairlead_contract.yaml_documents import Json
from fairlead_gateway.cluster.api_server import ApiServer, Collection, Event, Expired

FIRST_PAUSE_S: Final = 0.25
LONGEST_PAUSE_S: Final = 4.0
"""An API server that is back should be followed at once: keys may have been revoked."""

AT_ONCE_S: Final = 0.5
"""A watch that ends within this time was not ended by its time-out."""

log = logging.getLogger(__name__)


class Shelf(Protocol):
    """Where what was read is put."""

    def replace(self, documents: Iterable[Json]) -> None:
        """Take these objects for all that there are."""

    def put(self, document: Json) -> None:
        """Take a new or changed object."""

    def remove(self, document: Json) -> None:
        """Let go of an object that was deleted."""


class Follower:
    """Keeps a shelf like a collection.

    Args:
        name: What is followed, for the log.
        watch_s: Seconds after which a watch is begun anew; so long may a connection be dead before anybody sees it.
        on_list: Called after every attempt to list with whether it succeeded, for metrics.
        on_state: Called with whether changes are seen as they happen, when that changes, for metrics.
    """

    def __init__(
        self,
        api: ApiServer,
        collection: Collection,
        shelf: Shelf,
        *,
        name: str,
        watch_s: float,
        on_list: Callable[[bool], None],
        on_state: Callable[[bool], None],
    ) -> None:
        self.listed = False
        self._api = api
        self._collection = collection
        self._shelf = shelf
        self._name = name
        self._watch_s = watch_s
        self._on_list = on_list
        self._on_state = on_state
        self._failures = 0
        self._problem: str | None = None

    async def run(self) -> None:
        """Follow until cancelled."""
        while True:
            try:
                version = await self._list()
                while True:
                    version = await self._watch(version)
            except Expired:
                log.info("%s: listed again, for the last version is too old", self._name)
            except Exception as error:  # noqa: BLE001 - whatever the API server does, what is known stays
                self._broken(str(error) or type(error).__name__)
            await asyncio.sleep(self._pause_s())

    async def _list(self) -> str:
        try:
            objects, version = await self._api.list(self._collection)
        except Exception:
            self._on_list(False)  # noqa: FBT003 - a callback for metrics
            raise
        self._shelf.replace(objects)
        self.listed = True
        self._on_list(True)  # noqa: FBT003 - as above
        return version

    async def _watch(self, version: str) -> str:
        """Watch once; return the version from which the next watch goes on."""
        loop = asyncio.get_running_loop()
        began_at, quiet = loop.time(), True
        async with self._api.watch(self._collection, version, for_s=self._watch_s) as events:
            self._on_state(True)  # noqa: FBT003 - a callback for metrics
            async for event in events:
                version, quiet = event.version, False
                self._take(event)
                self._well()
        if quiet and loop.time() - began_at < AT_ONCE_S:
            raise ConnectionError("the API server ends watches at once")
        self._well()
        return version

    def _take(self, event: Event) -> None:
        if event.kind == "DELETED":
            self._shelf.remove(event.document)
        elif event.kind != "BOOKMARK":
            self._shelf.put(event.document)

    def _well(self) -> None:
        if self._problem is not None:
            log.info("%s: followed again", self._name)
        self._failures, self._problem = 0, None

    def _broken(self, problem: str) -> None:
        self._failures += 1
        self._on_state(False)  # noqa: FBT003 - a callback for metrics
        if problem != self._problem:
            kept = "what is known stays in force" if self.listed else "nothing is known yet"
            log.warning("%s: cannot be followed: %s; %s", self._name, problem, kept)
        self._problem = problem

    def _pause_s(self) -> float:
        longest: float = min(FIRST_PAUSE_S * 2.0 ** min(self._failures, 16), LONGEST_PAUSE_S)
        return longest * random.uniform(0.5, 1.0)  # noqa: S311 - so that gateways do not return together
