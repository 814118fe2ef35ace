"""One namespace of a real API server, and what people, KubeRay and the kubelet do in it."""

import copy
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2

from fairlead_contract.names import API_VERSION, KIND, MODEL_LABEL, PLURAL
from tests.cluster.control_plane import ControlPlane

Json = dict[str, Any]

DEPLOYMENTS = f"apis/{API_VERSION}", PLURAL
RAY_SERVICES = "apis/ray.io/v1", "rayservices"
PODS = "api/v1", "pods"
SECRETS = "api/v1", "secrets"
EVENTS = "api/v1", "events"
JOBS = "apis/batch/v1", "jobs"
POLICIES = "apis/networking.k8s.io/v1", "networkpolicies"
BUDGETS = "apis/policy/v1", "poddisruptionbudgets"

MERGE_PATCH = {"content-type": "application/merge-patch+json"}

_numbers = itertools.count(1)

Path = tuple[str, str]


@dataclass(frozen=True, slots=True)
class World:
    """One namespace, as its administrator."""

    client: httpx2.AsyncClient
    namespace: str

    async def create(self, path: Path, item: Json, *, strict: bool = True) -> Json:
        """Create an object.

        Raises:
            AssertionError: The API server refuses it.
        """
        query = {"fieldValidation": "Strict"} if strict else {}
        answer = await self.client.post(self._address(path), json=item, params=query)
        assert answer.is_success, answer.text
        return _json(answer)

    async def get(self, path: Path, name: str) -> Json | None:
        answer = await self.client.get(self._address(path, name))
        assert answer.is_success or answer.status_code == 404, answer.text
        return _json(answer) if answer.is_success else None

    async def find(self, path: Path) -> list[Json]:
        answer = await self.client.get(self._address(path))
        assert answer.is_success, answer.text
        found: list[Json] = answer.json()["items"]
        return found

    async def change(self, path: Path, name: str, patch: Json, *, subresource: str = "") -> Json:
        """Merge a patch into an object, or into one of its subresources."""
        address = self._address(path, name, subresource)
        answer = await self.client.patch(address, json=patch, headers=MERGE_PATCH)
        assert answer.is_success, answer.text
        return _json(answer)

    async def delete(self, path: Path, name: str) -> None:
        answer = await self.client.delete(self._address(path, name))
        assert answer.is_success, answer.text

    async def deploy(self, name: str = "demo", *, aliases: tuple[str, ...] = (), **spec: Any) -> Json:
        """Create a ModelDeployment."""
        return await self.create(DEPLOYMENTS, deployment(name, aliases=aliases, **spec))

    async def status(self, name: str = "demo") -> Json:
        """Return a ModelDeployment's status; empty while it has none."""
        found = await self.get(DEPLOYMENTS, name)
        assert found is not None
        status: Json = found.get("status", {})
        return status

    async def condition(self, type_: str, name: str = "demo") -> Json:
        """Return one condition of a ModelDeployment; empty while it has none of this type."""
        conditions = (await self.status(name)).get("conditions", [])
        return next((each for each in conditions if each["type"] == type_), {})

    async def serve(
        self, name: str = "demo", *, status: str = "RUNNING", message: str = "", pending: bool = False
    ) -> None:
        """Let KubeRay report what Ray Serve says of a model's application.

        Args:
            name: Of the RayService.
            status: Serve's word for the application.
            message: What Serve says of its deployment.
            pending: Whether a second cluster is being built beside the first.
        """
        found = await self.get(RAY_SERVICES, name)
        assert found is not None
        replica = {"status": "HEALTHY" if status == "RUNNING" else "UPDATING", "message": message}
        told = {
            "rayClusterName": f"{name}-first",
            "applicationStatuses": {name: {"status": status, "serveDeploymentStatuses": {"replica": replica}}},
        }
        body: Json = {"observedGeneration": found["metadata"]["generation"], "activeServiceStatus": told}
        if pending:
            body["pendingServiceStatus"] = {"rayClusterName": f"{name}-second"}
        await self.change(RAY_SERVICES, name, {"status": body}, subresource="status")

    async def pod(
        self, name: str, status: Json, *, model: str = "demo", cluster: str = "", image: str = "image"
    ) -> Json:
        """Let KubeRay make a pod, and the kubelet or the scheduler report of it."""
        labels = {MODEL_LABEL: model} | ({"ray.io/cluster": cluster} if cluster else {})
        item = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "labels": labels},
            "spec": {"containers": [{"name": "ray-worker", "image": image}]},
        }
        await self.create(PODS, item)
        return await self.change(PODS, name, {"status": status}, subresource="status")

    def _address(self, path: Path, *below: str) -> str:
        return "/".join(("", path[0], "namespaces", self.namespace, path[1], *(part for part in below if part)))


@asynccontextmanager
async def new_world(control_plane: ControlPlane) -> AsyncIterator[World]:
    """Open a namespace that nobody has used."""
    namespace = f"world-{next(_numbers)}"
    async with control_plane.async_client() as client:
        answer = await client.post("/api/v1/namespaces", json={"metadata": {"name": namespace}})
        assert answer.is_success, answer.text
        yield World(client, namespace)


def deployment(name: str = "demo", *, aliases: tuple[str, ...] = (), **spec: Any) -> Json:
    """Return a manifest whose spec has the given fields besides the model."""
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {"name": name},
        "spec": {"model": {"source": "hf://fairlead/demo", "aliases": list(aliases)}, **copy.deepcopy(spec)},
    }


def _json(answer: httpx2.Response) -> Json:
    found: Json = answer.json()
    return found
