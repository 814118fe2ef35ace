"""Whether an object is as the operator wants it, by what the API server notes of who set which field. Pure.

Server-side apply gives each field an owner. Nothing needs to be written while every wanted field has the wanted value,
the operator owns each, and it owns no field that it no longer wants.
"""

import json
from typing import Any

from fairlead_operator.observed import Json

_FIELD = "f:"
_KEYED = "k:"
_VALUE = "v:"
_IDENTITY = ("apiVersion", "kind")
_METADATA_IDENTITY = ("name", "namespace")


def is_applied(live: Json, wanted: Json, manager: str) -> bool:
    """Return whether applying the wanted object would change nothing."""
    owned = _owned_fields(live, manager)
    if owned is None:
        return False
    return _holds(live, wanted) and _owns_the_same(owned, _without_identity(wanted))


def _owned_fields(live: Json, manager: str) -> Json | None:
    for entry in live["metadata"].get("managedFields", ()):
        if entry["manager"] == manager and entry["operation"] == "Apply" and not entry.get("subresource"):
            found: Json = entry["fieldsV1"]
            return found
    return None


def _without_identity(wanted: Json) -> Json:
    """Return the fields that have owners."""
    metadata = {key: value for key, value in wanted["metadata"].items() if key not in _METADATA_IDENTITY}
    return {key: value for key, value in wanted.items() if key not in _IDENTITY} | {"metadata": metadata}


def _holds(live: Any, wanted: Any) -> bool:  # noqa: ANN401 - JSON
    """Return whether every wanted value is there; what others added, or the server filled in, may stand beside it."""
    match wanted:
        case dict():
            return isinstance(live, dict) and all(key in live and _holds(live[key], wanted[key]) for key in wanted)
        case list() if wanted and all(isinstance(item, dict) for item in wanted):
            return isinstance(live, list) and all(any(_holds(found, item) for found in live) for item in wanted)
        case _:
            return bool(live == wanted)


def _owns_the_same(owned: Json, wanted: Any) -> bool:  # noqa: ANN401 - JSON
    """Return whether the owned fields below a place are the wanted ones, no more and no fewer."""
    if not owned:
        return True  # owned as a whole
    if isinstance(wanted, list):
        return _owns_the_items(owned, wanted)
    if not isinstance(wanted, dict):
        return False
    names = {key.removeprefix(_FIELD) for key in owned if key.startswith(_FIELD)}
    if names != wanted.keys():
        return False
    return all(_owns_the_same(owned[_FIELD + name], wanted[name]) for name in names)


def _owns_the_items(owned: Json, wanted: list[Any]) -> bool:
    keyed = [(json.loads(key.removeprefix(_KEYED)), below) for key, below in owned.items() if key.startswith(_KEYED)]
    if not keyed:
        return sum(key.startswith(_VALUE) for key in owned) == len(wanted)
    if len(keyed) != len(wanted):
        return False
    return all(any(_is_item(item, keys) and _owns_fields(below, item) for item in wanted) for keys, below in keyed)


def _is_item(item: Json, keys: Json) -> bool:
    """Return whether the keys are an item's; one that it leaves out was filled in by the server."""
    return all(item.get(name, value) == value for name, value in keys.items())


def _owns_fields(owned: Json, item: Json) -> bool:
    """Return whether the owned fields are the item's; a key that the server filled in is owned with it."""
    if not owned:
        return True  # owned as a whole
    names = {key.removeprefix(_FIELD) for key in owned if key.startswith(_FIELD)}
    return item.keys() <= names and all(_owns_the_same(owned[_FIELD + name], item[name]) for name in item)
