"""What kopf calls when something changes: each handler says whose turn it is, and does nothing else.

Only `on.event` handlers are registered. Kopf writes nothing for them: no finalizer, no annotation, no progress. It
lists, watches, starts watching again, and signs in.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import kopf

from fairlead_contract.names import API_GROUP, API_VERSION_NAME, MODEL_LABEL, PLURAL
from fairlead_operator.claims import Claims, identity_of
from fairlead_operator.observed import Identity, Json

WATCH_S = 300
"""After which a watch is opened anew by the server; one that the client finds silent for longer is, too."""

CONNECT_TIMEOUT_S = 10
STUCK_AFTER_S = 300.0
"""For which one look may take before the process counts as hung."""

_CHILDREN = (("ray.io", "v1", "rayservices"), ("", "v1", "pods"), ("batch", "v1", "jobs"))


@dataclass(slots=True)
class Handlers:
    """What is done with events."""

    claims: Claims
    add: Callable[[Identity], None]
    """Gives a ModelDeployment its turn."""

    _seen: dict[Identity, tuple[object, ...]] = field(default_factory=dict)

    def on_deployment(self, event: Json) -> None:
        """Give a ModelDeployment its turn, and those whose names it touches; its status alone changes nothing."""
        found = event["object"]
        identity = identity_of(found)
        if event["type"] == "DELETED":
            self._seen.pop(identity, None)
            touched = self.claims.forget(identity)
        else:
            touched = self.claims.note(found)
            marks = _marks(found)
            if event["type"] is not None and self._seen.get(identity) == marks:
                return
            self._seen[identity] = marks
        for each in {identity} | touched:
            self.add(each)

    def on_child(self, event: Json) -> None:
        """Give the ModelDeployment its turn for which something was made."""
        metadata = event["object"]["metadata"]
        self.add((metadata["namespace"], metadata["labels"][MODEL_LABEL]))


def _marks(found: Json) -> tuple[object, ...]:
    """Return what of a ModelDeployment is not its status."""
    metadata = found["metadata"]
    return (
        metadata["uid"],
        metadata["generation"],
        metadata.get("deletionTimestamp"),
        metadata.get("finalizers"),
        metadata.get("annotations"),
    )


def registry_of(handlers: Handlers, *, longest_look_s: Callable[[], float]) -> kopf.OperatorRegistry:
    """Return what kopf is to call.

    Args:
        handlers: What is done with events.
        longest_look_s: Tells for how many seconds the longest present look has lasted.
    """
    registry = kopf.OperatorRegistry()

    @kopf.on.login(registry=registry)
    def sign_in(**arguments: Any) -> kopf.ConnectionInfo | None:  # noqa: ANN401 - kopf's
        return kopf.login_with_service_account(**arguments) or kopf.login_with_kubeconfig(**arguments)

    @kopf.on.event(API_GROUP, API_VERSION_NAME, PLURAL, registry=registry)
    async def deployment_changed(event: Any, **_: Any) -> None:  # noqa: ANN401 - kopf's
        handlers.on_deployment(event)

    for group, version, plural in _CHILDREN:

        @kopf.on.event(group, version, plural, registry=registry, labels={MODEL_LABEL: kopf.PRESENT})
        async def child_changed(event: Any, **_: Any) -> None:  # noqa: ANN401 - kopf's
            handlers.on_child(event)

    @kopf.on.probe(id="longest_look_s", registry=registry)
    async def alive(**_: Any) -> float:  # noqa: ANN401 - kopf's
        if longest_look_s() > STUCK_AFTER_S:
            raise kopf.PermanentError("a look at a ModelDeployment does not end")
        return longest_look_s()

    return registry


def kopf_settings() -> kopf.OperatorSettings:
    """Return how kopf is to watch."""
    settings = kopf.OperatorSettings()
    settings.watching.server_timeout = WATCH_S
    settings.watching.client_timeout = WATCH_S + CONNECT_TIMEOUT_S
    settings.watching.connect_timeout = CONNECT_TIMEOUT_S
    for resource in _CHILDREN:
        settings.watching.label_selectors[resource] = MODEL_LABEL
    settings.scanning.disabled = True  # it would take rights over definitions and namespaces of the whole cluster
    settings.posting.enabled = False
    settings.peering.standalone = True
    settings.process.ultimate_exiting_timeout = 30
    return settings
