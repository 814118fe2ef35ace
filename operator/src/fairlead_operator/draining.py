"""Whether a model's last requests have been answered, so that its replicas may go. Pure."""

from datetime import datetime, timedelta

from fairlead_operator.observed import GatewayView, Json, Observed

CLOSED = frozenset({"draining", "suspended"})
"""States in which a gateway sends a model no new requests."""


def is_drained(observed: Observed, *, all_answer: bool, since: datetime, longest_s: float) -> bool:
    """Return whether nobody is left behind when the replicas go.

    Args:
        observed: What was seen.
        all_answer: Whether every gateway that is known of answers; one that does not may have requests under way.
        since: When it was decided that they shall go.
        longest_s: Seconds that the longest stream may take; after them nothing is waited for.
    """
    if observed.rayservice is None or observed.at - since >= timedelta(seconds=longest_s):
        return True
    return all_answer and all(_is_empty(view) for view in observed.gateways)


def _is_empty(view: GatewayView) -> bool:
    return view.running == 0 and (view.generation is None or view.state in CLOSED)


def decided_at(metadata: Json, status: Json, now: datetime) -> datetime:
    """Return when a model was deleted, or was found to be suspended first."""
    if "deletionTimestamp" in metadata:
        return datetime.fromisoformat(metadata["deletionTimestamp"])
    for condition in status.get("conditions", ()):
        if condition["type"] == "Suspended" and condition["status"] != "False":
            return datetime.fromisoformat(condition["lastTransitionTime"])
    return now
