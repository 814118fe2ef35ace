"""Which changes of a status are worth an event. Pure.

An event's name follows from the change itself, so that an operator that was killed between saying it and noting it in
the status says it once.
"""

import hashlib
from collections.abc import Iterator

from fairlead_contract.names import API_VERSION, FIELD_MANAGER, KIND
from fairlead_contract.status import Condition, Status
from fairlead_operator.conditions import ACCEPTED, PROGRESSING, READY
from fairlead_operator.observed import Json
from fairlead_operator.reasons import Course, Trouble

MESSAGE_LENGTH = 1024
_TOLD = {
    READY: frozenset(Course) | frozenset(Trouble),
    ACCEPTED: frozenset(Trouble),
    PROGRESSING: frozenset({Course.NEW_CLUSTER, Course.UPDATING, Course.STUCK}),
}
"""Reasons that matter, by the condition that gives them."""


def announcements(deployment: Json, previous: Json, status: Status) -> tuple[Json, ...]:
    """Return the events, as the API server takes them, that a new status brings with it."""
    before = {each["type"]: each for each in previous.get("conditions", ())}
    changed = [each for each in status.conditions if _is_news(each, before.get(each.type))]
    events = {each.reason: _event(deployment, each, before.get(each.type, {}), status) for each in changed}
    return tuple(events.values())


def _is_news(condition: Condition, before: Json | None) -> bool:
    if condition.reason not in _TOLD.get(condition.type, ()):
        return False
    return before is None or (before["status"], before["reason"]) != (condition.status, condition.reason)


def _event(deployment: Json, condition: Condition, before: Json, status: Status) -> Json:
    metadata = deployment["metadata"]
    at = condition.last_transition_time.strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": _event_name(deployment, condition, before), "namespace": metadata["namespace"]},
        "involvedObject": {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "namespace": metadata["namespace"],
            "name": metadata["name"],
            "uid": metadata["uid"],
            "resourceVersion": metadata["resourceVersion"],
        },
        "type": "Warning" if _is_trouble(condition.reason) else "Normal",
        "reason": condition.reason,
        "message": _message(condition, status)[:MESSAGE_LENGTH],
        "source": {"component": FIELD_MANAGER},
        "firstTimestamp": at,
        "lastTimestamp": at,
        "count": 1,
    }


def _is_trouble(reason: str) -> bool:
    return reason in frozenset(Trouble) or reason == Course.STUCK


def _message(condition: Condition, status: Status) -> str:
    return condition.message or f"{status.model} is {status.phase}, {status.ready} replicas"


def _event_name(deployment: Json, condition: Condition, before: Json) -> str:
    metadata = deployment["metadata"]
    change = (metadata["uid"], metadata["generation"], condition.type, condition.status, condition.reason)
    told: Iterator[str] = (str(part) for part in (*change, before.get("reason"), before.get("lastTransitionTime")))
    return f"{metadata['name']}.{hashlib.sha256('|'.join(told).encode()).hexdigest()[:16]}"
