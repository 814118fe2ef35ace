"""Worlds around one ModelDeployment, for tests of what is planned in them."""

import copy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from fairlead_contract.manifest import parse_manifest
from fairlead_contract.modeldeployment import ModelDeployment
from fairlead_operator.observed import GatewayView, Observed
from fairlead_operator.plan import Plan, plan
from fairlead_operator.settings import Settings
from fairlead_operator.surroundings import Surroundings

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
UID = "5f0b6c1e-0000-4000-8000-000000000001"
METADATA: dict[str, Any] = {
    "name": "demo",
    "namespace": "team-a",
    "uid": UID,
    "generation": 1,
    "creationTimestamp": "2026-01-01T10:00:00Z",
}
SETTINGS = Settings(
    serving_image="registry.example/fairlead-serving:1.0.0",
    gateway_namespace="fairlead",
    monitoring_namespace="monitoring",
    hop_root_file=Path("/var/run/fairlead/root"),
)
SURROUNDINGS = Surroundings(SETTINGS, hop_root=b"0" * 32)
OBSERVED = Observed(at=NOW)


def model(*, name: str = "demo", labels: Any = None, annotations: Any = None, **spec: Any) -> ModelDeployment:
    """Return a ModelDeployment whose spec has the given fields besides the model."""
    document = {
        "apiVersion": "fairlead.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": name, "labels": labels or {}, "annotations": annotations or {}},
        "spec": {"model": {"source": "hf://fairlead/demo"}, **spec},
    }
    return parse_manifest(document, where="test")


def settings(**changed: Any) -> Surroundings:
    """Return surroundings with other settings."""
    return replace(SURROUNDINGS, settings=SETTINGS.model_copy(update=changed))


def planned(
    deployment: ModelDeployment,
    observed: Observed = OBSERVED,
    *,
    surroundings: Surroundings = SURROUNDINGS,
    **metadata: Any,
) -> Plan:
    """Return the plan, with metadata that differs from what is usual."""
    own = METADATA | {"name": deployment.name} | metadata
    return plan(deployment, metadata=own, observed=observed, surroundings=surroundings)


def found(of: Plan, kind: str, name: str | None = None) -> dict[str, Any]:
    """Return the one object of a kind that is applied."""
    one: dict[str, Any]
    [one] = [each for each in of.apply if each["kind"] == kind and name in (None, each["metadata"]["name"])]
    return one


def kinds(of: Plan) -> list[str]:
    return [each["kind"] for each in of.apply]


def seen(of: Plan, **changes: Any) -> Observed:
    """Return the world after a plan was brought about, as the API server would show it."""
    served = [copy.deepcopy(each) for each in of.apply if each["kind"] == "RayService"]
    after: dict[str, Any] = {"rayservice": served[0] if served else None, **changes}
    return replace(OBSERVED, **after)


def gateway(state: str, running: int = 0) -> GatewayView:
    return GatewayView("http://10.0.0.1:9090", generation=1, state=state, running=running)


def ago(seconds: int) -> str:
    """Return a time before now as the API server writes it."""
    return (NOW - timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
