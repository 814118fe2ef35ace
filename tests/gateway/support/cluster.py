"""A namespace on a real API server, a gateway's service account in it, and a wire to the API server that can break."""

import asyncio
import base64
import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx2
import yaml

from fairlead_contract.names import API_GROUP, API_VERSION, API_VERSION_NAME, KIND, PLURAL
from tests.cluster.control_plane import ControlPlane
from tests.gateway.support.gateway import TENANTS

MERGE_PATCH: Final = {"content-type": "application/merge-patch+json"}
HELD: Final = "tests.fairlead.dev/held"
"""A finalizer: the object stays until the test lets go of it, as it does while the operator drains it."""

_numbers = itertools.count()


def rules(*, secret: str, config_map: str) -> dict[str, list[dict[str, Any]]]:
    """Return all that a gateway needs: for its ModelDeployments, and in the namespace of its own objects."""
    return {
        "models": [{"apiGroups": [API_GROUP], "resources": [PLURAL], "verbs": ["list", "watch"]}],
        "own": [
            {
                "apiGroups": [""],
                "resources": ["configmaps"],
                "resourceNames": [config_map],
                "verbs": ["list", "watch"],
            },
            {
                "apiGroups": [""],
                "resources": ["secrets"],
                "resourceNames": [secret],
                "verbs": ["get", "list", "watch", "patch"],
            },
        ],
    }


@dataclass(frozen=True, slots=True)
class Cluster:
    """A namespace of a running control plane, with the ConfigMap and the Secret of an installation in it."""

    control_plane: ControlPlane
    admin: httpx2.AsyncClient
    namespace: str

    @property
    def settings(self) -> dict[str, Any]:
        """What a gateway of this namespace is told; it answers for its ModelDeployments alone."""
        return {
            "source": "kubernetes",
            "routes_file": None,
            "tenants_file": None,
            "api_keys_file": None,
            "namespaces": (self.namespace,),
            "tenants_config_map": f"{self.namespace}/tenants/tenants.yaml",
            "api_keys_secret": f"{self.namespace}/api-keys",
        }

    async def make(self, path: str, document: dict[str, Any]) -> dict[str, Any]:
        """Create an object."""
        answer = await self.admin.post(path, json=document)
        assert answer.is_success, answer.text
        made: dict[str, Any] = answer.json()
        return made

    async def change(self, path: str, patch: dict[str, Any]) -> dict[str, Any]:
        """Merge a patch into an object."""
        answer = await self.admin.patch(path, json=patch, headers=MERGE_PATCH)
        assert answer.is_success, answer.text
        changed: dict[str, Any] = answer.json()
        return changed

    async def apply(self, name: str, *, namespace: str = "", held: bool = False, **spec: Any) -> dict[str, Any]:
        """Create a ModelDeployment."""
        metadata = {"name": name, "finalizers": [HELD] if held else []}
        model = {"source": "hf://fairlead/demo", **spec.pop("model", {})}
        document = {"apiVersion": API_VERSION, "kind": KIND, "metadata": metadata, "spec": {"model": model, **spec}}
        return await self.make(models_path(namespace or self.namespace), document)

    async def edit(self, name: str, **spec: Any) -> dict[str, Any]:
        """Change the spec of a ModelDeployment."""
        return await self.change(f"{models_path(self.namespace)}/{name}", {"spec": spec})

    async def delete(self, name: str) -> None:
        """Delete a ModelDeployment; one that is held stays until it is released."""
        assert (await self.admin.delete(f"{models_path(self.namespace)}/{name}")).is_success

    async def release(self, name: str) -> None:
        """Let a deleted ModelDeployment go."""
        await self.change(f"{models_path(self.namespace)}/{name}", {"metadata": {"finalizers": []}})

    async def declare_tenants(self, text: str) -> None:
        """Write the ConfigMap of tenants."""
        await self.change(f"{self.core}/configmaps/tenants", {"data": {"tenants.yaml": text}})

    async def stored_keys(self) -> dict[str, Any]:
        """Return what the Secret of API keys holds."""
        secret = (await self.admin.get(f"{self.core}/secrets/api-keys")).raise_for_status().json()
        stored: dict[str, Any] = json.loads(base64.b64decode(secret["data"]["api-keys.json"]))
        return stored

    @property
    def core(self) -> str:
        """The path of the namespace's own objects."""
        return f"/api/v1/namespaces/{self.namespace}"

    async def kubeconfig(self, folder: Path, *, everywhere: bool = False, address: str = "") -> Path:
        """Write the kubeconfig of a gateway's service account.

        Args:
            folder: Where to.
            everywhere: Whether it may read the ModelDeployments of all namespaces, and not of its own alone.
            address: Of the API server, where that is not where it listens.
        """
        token = await self._service_account(everywhere=everywhere)
        return _write_kubeconfig(folder, self.control_plane.kubeconfig, token=token, address=address)

    async def _service_account(self, *, everywhere: bool) -> str:
        account = f"gateway-{next(_numbers)}"
        subjects = [{"kind": "ServiceAccount", "name": account, "namespace": self.namespace}]
        wanted = rules(secret="api-keys", config_map="tenants")
        await self.make(f"{self.core}/serviceaccounts", {"metadata": {"name": account}})
        within = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{self.namespace}"
        own = wanted["own"] if everywhere else wanted["own"] + wanted["models"]
        await self.make(f"{within}/roles", {"metadata": {"name": account}, "rules": own})
        role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": account}
        await self.make(
            f"{within}/rolebindings", {"metadata": {"name": account}, "roleRef": role, "subjects": subjects}
        )
        if everywhere:
            name = f"{self.namespace}-{account}"
            of_all = "/apis/rbac.authorization.k8s.io/v1"
            await self.make(f"{of_all}/clusterroles", {"metadata": {"name": name}, "rules": wanted["models"]})
            role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name}
            await self.make(
                f"{of_all}/clusterrolebindings", {"metadata": {"name": name}, "roleRef": role, "subjects": subjects}
            )
        asked = {"spec": {"audiences": ["https://kubernetes.default.svc"], "expirationSeconds": 3600}}
        made = await self.make(f"{self.core}/serviceaccounts/{account}/token", asked)
        return str(made["status"]["token"])


def _write_kubeconfig(folder: Path, admins: Path, *, token: str, address: str) -> Path:
    document = yaml.safe_load(admins.read_text())
    document["users"][0]["user"] = {"token": token}
    if address:
        document["clusters"][0]["cluster"]["server"] = address
    folder.mkdir(exist_ok=True)
    file = folder / "kubeconfig"
    file.write_text(yaml.safe_dump(document))
    return file


def models_path(namespace: str) -> str:
    """Return where the ModelDeployments of a namespace lie."""
    return f"/apis/{API_GROUP}/{API_VERSION_NAME}/namespaces/{namespace}/{PLURAL}"


@asynccontextmanager
async def fresh_cluster(control_plane: ControlPlane) -> AsyncIterator[Cluster]:
    """Make a namespace with a ConfigMap of tenants and an empty Secret of API keys."""
    async with control_plane.async_client() as admin:
        cluster = Cluster(control_plane, admin, f"gateways-{next(_numbers)}")
        await cluster.make("/api/v1/namespaces", {"metadata": {"name": cluster.namespace}})
        tenants = {"metadata": {"name": "tenants"}, "data": {"tenants.yaml": TENANTS}}
        await cluster.make(f"{cluster.core}/configmaps", tenants)
        await cluster.make(f"{cluster.core}/secrets", {"metadata": {"name": "api-keys"}})
        yield cluster
        models = (await admin.get(models_path(cluster.namespace))).raise_for_status().json()["items"]
        for model in models:
            name = model["metadata"]["name"]
            await cluster.change(f"{models_path(cluster.namespace)}/{name}", {"metadata": {"finalizers": []}})
            await admin.delete(f"{models_path(cluster.namespace)}/{name}")


async def becomes(condition: Callable[[], Awaitable[bool]], *, within_s: float = 10) -> None:
    """Wait until something is so.

    Raises:
        TimeoutError: It never was.
    """
    async with asyncio.timeout(within_s):
        while not await condition():  # noqa: ASYNC110 - nothing tells a client that a gateway has read something
            await asyncio.sleep(0.02)


@dataclass
class BreakableWire:
    """Passes bytes between a gateway and its API server, until the test says otherwise.

    Attributes:
        port: Where the gateway connects to.
    """

    target_port: int
    port: int = 0
    _server: asyncio.Server | None = None
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)
    _pumps: set[asyncio.Task[None]] = field(default_factory=set)

    async def open(self) -> None:
        """Take connections, on the same port as before."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def cut(self) -> None:
        """Break every connection, and refuse new ones: the API server is gone."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in list(self._writers):
            writer.transport.abort()

    def freeze(self) -> None:
        """Let the connections of this moment fall silent without an end; new ones work."""
        for pump in self._pumps:
            pump.cancel()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, onward = await asyncio.open_connection("127.0.0.1", self.target_port)
        self._writers |= {writer, onward}
        for source, sink in ((reader, onward), (there, writer)):
            pump = asyncio.create_task(_pump(source, sink))
            self._pumps.add(pump)
            pump.add_done_callback(self._pumps.discard)


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    try:
        while data := await source.read(65536):
            sink.write(data)
            await sink.drain()
    except ConnectionError:
        pass
    sink.close()


@asynccontextmanager
async def breakable_wire(control_plane: ControlPlane) -> AsyncIterator[BreakableWire]:
    """Run a wire to the API server on a free port."""
    wire = BreakableWire(int(control_plane.address.rpartition(":")[2]))
    await wire.open()
    try:
        yield wire
    finally:
        wire.cut()
        wire.freeze()
        await asyncio.sleep(0)
