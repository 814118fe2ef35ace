"""What the operator plans, on a real API server that knows KubeRay's kinds.

KUBERAY_CRDS names a folder with KubeRay's definitions of RayService and RayCluster, such as the folder
`helm-chart/kuberay-operator/crds` of its repository; they are not ours to keep here.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from fairlead_contract.modeldeployment import ModelDeployment
from fairlead_contract.names import FIELD_MANAGER
from fairlead_operator.plan import Plan
from fairlead_operator.templates import TEMPLATES
from tests.cluster.control_plane import ControlPlane
from tests.cluster.ray_services import KUBERAY_CRDS, define
from tests.operator.test_templates import MODELS, made_by
from tests.operator.worlds import METADATA, SETTINGS, model, planned, seen, settings
from tests.support.waiting import eventually

NAMESPACE = METADATA["namespace"]
APPLY = {"content-type": "application/apply-patch+yaml"}
RESOURCES = {
    "Secret": "/api/v1/namespaces/{namespace}/secrets",
    "PersistentVolumeClaim": "/api/v1/namespaces/{namespace}/persistentvolumeclaims",
    "NetworkPolicy": "/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies",
    "PodDisruptionBudget": "/apis/policy/v1/namespaces/{namespace}/poddisruptionbudgets",
    "Job": "/apis/batch/v1/namespaces/{namespace}/jobs",
    "RayService": "/apis/ray.io/v1/namespaces/{namespace}/rayservices",
    "RayCluster": "/apis/ray.io/v1/namespaces/{namespace}/rayclusters",
}
EVERYTHING = model(
    labels={"kueue.x-k8s.io/queue-name": "gpus"},
    parallelism={"tensor": 2},
    resources={"accelerator": "nvidia-h100-80gb"},
    placement={
        "tolerations": [{"key": "spot", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 60}],
        "runtimeClassName": "nvidia",
    },
)
ALL_SETTINGS = settings(
    image_pull_secrets=("registry",),
    weights=SETTINGS.weights.model_copy(update={"kind": "pvc"}),
    gcs_fault_tolerance={"redis_address": "redis://r:6379", "password": {"name": "r", "key": "password"}},
    tracing={"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector:4318/v1/traces"},
)


class ApiServer:
    """The API server, as the operator speaks to it."""

    def __init__(self, client: httpx2.Client) -> None:
        self._client = client

    def define(self, folder: Path) -> None:
        """Let it know KubeRay's kinds, and the namespace."""
        for file in sorted(folder.glob("*.yaml")):
            define(self._client, yaml.safe_load(file.read_text()))
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
        made = self._client.post("/api/v1/namespaces", json=namespace)
        assert made.is_success or made.status_code == httpx2.codes.CONFLICT, made.text
        for kind in ("RayService", "RayCluster"):
            eventually(
                lambda kind=kind: self._client.get(_collection(kind)).is_success,  # type: ignore[misc]
                within_s=30,
                what=f"{kind} is served",
            )

    def apply(self, wanted: dict[str, Any]) -> dict[str, Any]:
        """Apply an object as the operator does, and return what is there then.

        Raises:
            AssertionError: It was refused, or has a field that the server does not know.
        """
        query = {"fieldManager": FIELD_MANAGER, "force": "true", "fieldValidation": "Strict"}
        path = f"{_collection(wanted['kind'])}/{wanted['metadata']['name']}"
        answer = self._client.patch(path, params=query, content=yaml.safe_dump(wanted), headers=APPLY)
        assert answer.is_success, answer.text
        read: dict[str, Any] = self._client.get(path).raise_for_status().json()
        return read

    def remove_all(self) -> None:
        for kind in RESOURCES:
            self._client.delete(_collection(kind)).raise_for_status()


@pytest.fixture(scope="module")
def kuberay(control_plane: ControlPlane) -> Iterator[ApiServer]:
    folder = os.environ.get(KUBERAY_CRDS)
    if not folder:
        pytest.skip(f"{KUBERAY_CRDS} names no folder with KubeRay's definitions")
    with control_plane.client() as client:
        found = ApiServer(client)
        found.define(Path(folder))
        yield found


@pytest.fixture
def api(kuberay: ApiServer) -> Iterator[ApiServer]:
    """An API server that holds nothing of ours before or after the test."""
    yield kuberay
    kuberay.remove_all()


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("template", TEMPLATES)
def test_all_that_is_planned_is_accepted(api: ApiServer, template: str, name: str) -> None:
    """Every object, of every version, is taken as it is: no field refused, dropped or changed."""
    plan = planned(MODELS[name], made_by(template, MODELS[name]))

    assert plan.template == template
    assert missing(plan, api) == []


@pytest.mark.parametrize("source", ["hf://fairlead/demo", "oci://registry.example/llama:1", "pvc://models/llama"])
def test_all_settings_are_accepted(api: ApiServer, source: str) -> None:
    """With every setting and every part of a manifest, from wherever weights come, no field is refused or dropped."""
    deployment = _with_source(source)

    assert missing(planned(deployment, surroundings=ALL_SETTINGS), api) == []


def test_an_idle_plan_writes_nothing(api: ApiServer) -> None:
    """Applying the same plan again leaves every object at its version."""
    plan = planned(model())
    first = [api.apply(each)["metadata"]["resourceVersion"] for each in plan.apply]

    again = planned(model(), seen(plan))

    assert [api.apply(each)["metadata"]["resourceVersion"] for each in again.apply] == first


def test_what_the_server_fills_in_moves_nothing(api: ApiServer) -> None:
    """A RayService read back, with all defaults and other managers' fields, is planned as it was."""
    plan = planned(model(), made_by("v1", model()))
    read = api.apply(next(each for each in plan.apply if each["kind"] == "RayService"))

    again = planned(model(), seen(plan, rayservice=read), surroundings=settings(serving_image="registry.example/new:2"))

    assert (again.template, again.new_cluster) == ("v1", False)
    assert again.apply == plan.apply


def missing(plan: Plan, api: ApiServer) -> list[str]:
    """Return the planned fields that are not there after applying."""
    assert plan.apply
    return [f"{wanted['kind']}{path}" for wanted in plan.apply for path in _lost(wanted, api.apply(wanted))]


def _lost(wanted: Any, found: Any, path: str = "") -> list[str]:
    if isinstance(wanted, dict) and isinstance(found, dict):
        return [lost for name, value in wanted.items() for lost in _lost(value, found.get(name), f"{path}.{name}")]
    if isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        pairs = enumerate(zip(wanted, found, strict=True))
        return [lost for index, pair in pairs for lost in _lost(*pair, f"{path}[{index}]")]
    return [] if wanted == found else [f"{path}: {wanted!r} became {found!r}"]


def _collection(kind: str) -> str:
    return RESOURCES[kind].format(namespace=NAMESPACE)


def _with_source(source: str) -> ModelDeployment:
    spec = EVERYTHING.spec
    changed = spec.model_copy(update={"model": spec.model.model_copy(update={"source": source})})
    return EVERYTHING.model_copy(update={"spec": changed})
