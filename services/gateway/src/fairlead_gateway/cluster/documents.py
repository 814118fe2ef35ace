"""One entry of one ConfigMap or Secret, kept like a file: the last good content stays in force."""

import base64
from collections.abc import Callable, Iterable
from typing import Any

from fairlead_contract.yaml_documents import Json
from fairlead_gateway.current import Kept

Content = Callable[[Json], bytes | None]
"""Returns what an object holds of that which is followed; None where it has no such entry."""


def config_map_entry(entry: str) -> Content:
    """Return what finds an entry of a ConfigMap."""

    def content(document: Json) -> bytes | None:
        text = (document.get("data") or {}).get(entry)
        return None if text is None else str(text).encode()

    return content


def secret_entry(entry: str) -> Content:
    """Return what finds an entry of a Secret."""

    def content(document: Json) -> bytes | None:
        text = (document.get("data") or {}).get(entry)
        return None if text is None else base64.b64decode(text)

    return content


class DocumentShelf:
    """Puts an object's entry in force.

    Args:
        kept: What its content means.
        content: Finds the entry in the object.
        absent: The content of an object without the entry; None where that is a mistake.
    """

    def __init__(self, kept: Kept[Any], content: Content, *, absent: bytes | None = None) -> None:
        self._kept = kept
        self._content = content
        self._absent = absent
        self._version = 0
        self._in_force: bytes | None = None

    def replace(self, documents: Iterable[Json]) -> None:
        """Take an object for all that there is, or none."""
        found = list(documents)
        if not found:
            self._kept.complain("it does not exist")
        for document in found:
            self._version = 0  # a cluster that was restored counts from an earlier version
            self.put(document)

    def put(self, document: Json) -> None:
        """Take the object, unless a younger version of it is in force."""
        version = int(document["metadata"]["resourceVersion"])
        if version < self._version:
            return
        self._version = version
        content = self._content(document)
        content = self._absent if content is None else content
        if content is None:
            self._in_force = None
            self._kept.complain("it has no such entry")
        elif content != self._in_force:
            self._in_force = content
            self._kept.take(content)

    def remove(self, document: Json) -> None:  # noqa: ARG002 - a shelf's signature
        """Tell that the object is gone; what it held stays in force."""
        self._in_force = None
        self._kept.complain("it was deleted")
