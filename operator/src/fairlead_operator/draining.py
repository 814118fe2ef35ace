"""Whether a model's last requests have been answered, so that its replicas may go. Pure."""

from datetime import datetime, timedelta

from fairlead_operator.observed import GatewayView, Json, Observed

CLOSED = frozenset({"draining", "suspended"})
"""States in which a gateway sends a model no new requests."""


def is_drained(observed: Observed, *, longest_s: float) -> bool:
    """Return whether nobody is left behind when the replicas go.

    Args:
        observed: What was seen of a model that is to go.
        longest_s: Seconds that the longest stream may take; after them nothing is waited for.
    """
    since = observed.leaving_since or observed.at
    if observed.rayservice is None or observed.at - since >= timedelta(seconds=longest_s):
        return True
    return observed.all_gateways_answer and all(_is_empty(view) for view in observed.gateways)


def _is_empty(view: GatewayView) -> bool:
    return view.running == 0 and (view.generation is None or view.state in CLOSED)


def leaving_since(deployment: Json) -> datetime | None:
    """Return when a ModelDeployment was deleted, or was found to be suspended first."""
    if deleted_at := deployment["metadata"].get("deletionTimestamp"):
        return datetime.fromisoformat(deleted_at)
    if not deployment["spec"].get("suspend"):
        return None
    for condition in deployment.get("status", {}).get("conditions", ()):
        if condition["type"] == "Suspended" and condition["status"] != "False":
            return datetime.fromisoformat(condition["lastTransitionTime"])
    return None
