"""Whether an object is as the operator wants it, by what the API server notes of who set which field. Pure.

Server-side apply gives each field an owner. Nothing needs to be written while every wanted field has the wanted value,
the operator owns each, and it owns no field that it no longer wants. What others added, or the server filled in, may
stand beside it.
"""

import json
from typing import Any

from fairlead_operator.observed import Json

_FIELD = "f:"
_KEYED = "k:"
_VALUE = "v:"
_IDENTITY = ("apiVersion", "kind")
_METADATA_IDENTITY = ("name", "namespace")

_FILLED_IN = frozenset({("protocol", "TCP"), ("apiVersion", "v1"), ("divisor", "0"), ("priority", "0")})
"""What the server adds inside of values that have one owner as a whole; the last to KubeRay's groups of workers."""


def is_applied(live: Json, wanted: Json, manager: str) -> bool:
    """Return whether applying the wanted object would change nothing."""
    owned = _owned_fields(live, manager)
    return owned is not None and _is_same(live, _without_identity(wanted), owned)


def _owned_fields(live: Json, manager: str) -> Json | None:
    for entry in live["metadata"].get("managedFields", ()):
        if entry["manager"] == manager and entry["operation"] == "Apply" and not entry.get("subresource"):
            found: Json = entry["fieldsV1"]
            return found
    return None


def _without_identity(wanted: Json) -> Json:
    """Return the fields that have owners."""
    fields = {key: value for key, value in wanted.items() if key not in _IDENTITY}
    metadata = {key: value for key, value in wanted["metadata"].items() if key not in _METADATA_IDENTITY}
    return {key: value for key, value in (fields | {"metadata": metadata}).items() if key != "metadata" or metadata}


def _is_same(live: Any, wanted: Any, owned: Json) -> bool:  # noqa: ANN401 - JSON
    """Return whether what is owned at a place is what is wanted there, no more and no less."""
    if not owned:
        return _equals(live, wanted)  # owned as a whole
    if isinstance(wanted, list):
        return isinstance(live, list) and _are_same(live, wanted, owned)
    return isinstance(wanted, dict) and _names(owned) == wanted.keys() and _has(live, wanted, owned)


def _are_same(live: list[Any], wanted: list[Any], owned: Json) -> bool:
    """Return whether the owned items of a list are the wanted ones."""
    keyed = [(json.loads(key.removeprefix(_KEYED)), below) for key, below in owned.items() if key.startswith(_KEYED)]
    if not keyed:
        return sum(key.startswith(_VALUE) for key in owned) == len(wanted) and all(item in live for item in wanted)
    if len(keyed) != len(wanted):
        return False
    for keys, below in keyed:
        found = next((item for item in live if _is_item(item, keys)), None)
        asked = next((item for item in wanted if _is_item({**keys, **item}, keys)), None)
        if found is None or asked is None or not _is_same_item(found, asked, below, keys):
            return False
    return True


def _is_item(item: Json, keys: Json) -> bool:
    return all(item.get(name) == value for name, value in keys.items())


def _is_same_item(live: Json, wanted: Json, owned: Json, keys: Json) -> bool:
    """Return whether an item is the wanted one; a key that the server filled in is owned with it."""
    if not owned:
        return _equals(live, wanted)
    return _names(owned) <= wanted.keys() | keys.keys() and _has(live, wanted, owned)


def _has(live: Any, wanted: Json, owned: Json) -> bool:  # noqa: ANN401 - JSON
    return isinstance(live, dict) and all(
        name in live and _FIELD + name in owned and _is_same(live[name], wanted[name], owned[_FIELD + name])
        for name in wanted
    )


def _names(owned: Json) -> set[str]:
    return {key.removeprefix(_FIELD) for key in owned if key.startswith(_FIELD)}


def _equals(live: Any, wanted: Any) -> bool:  # noqa: ANN401 - JSON
    match wanted:
        case dict():
            return (
                isinstance(live, dict)
                and all(key in live and _equals(live[key], wanted[key]) for key in wanted)
                and all(key in wanted or (key, str(live[key])) in _FILLED_IN for key in live)
            )
        case list():
            return (
                isinstance(live, list)
                and len(live) == len(wanted)
                and all(_equals(one, other) for one, other in zip(live, wanted, strict=True))
            )
        case _:
            return bool(live == wanted)
