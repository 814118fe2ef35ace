"""Does for RayServices what KubeRay does, as far as the operator and people can see it.

KubeRay makes a Ray cluster of pods for each RayService, PUTs `serveConfigV2` to it and reports back what Serve says.
Here one Ray on this machine takes the applications of all RayServices. Pods are made from the RayService's own
templates, so that the API server checks them, and no kubelet runs them: a head for each cluster, and a worker for each
replica, which all show the metrics of the one Ray.

What differs from KubeRay: a change of `rayClusterConfig` brings and ends the objects of a second cluster, while the
engine goes on; nothing reads secrets for engines but the hop secret; no autoscaler runs beside the head.
"""

import base64
import hashlib
import json
import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import yaml

from fairlead_cli.ports import LOOPBACK
from fairlead_contract.errors import FairleadError
from fairlead_contract.files import write_atomically
from fairlead_contract.names import hop_secret_name
from tests.cluster.control_plane import ControlPlane
from tests.cluster.demo.local_ray import LocalRay

Json = dict[str, Any]

LOOK_EVERY_S = 0.3
CLUSTER_BUILDS_S = 3.0
"""For how long a second cluster is being built."""

RUNNING = "RUNNING"
MERGE_PATCH = {"content-type": "application/merge-patch+json"}
RAY_SERVICES = "/apis/ray.io/v1/rayservices"
CLUSTER_LABEL, TYPE_LABEL = "ray.io/cluster", "ray.io/node-type"
AUTOSCALER_METRICS = "as-metrics"
_IGNORED_OF_GROUPS = ("replicas", "minReplicas", "maxReplicas", "scaleStrategy")
"""What of a worker group KubeRay changes in place."""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Clusters:
    """The Ray clusters of one RayService."""

    active: str
    config: str
    pending: str = ""
    pending_config: str = ""
    pending_looks: int = 0


@dataclass(slots=True)
class KubeRay:
    """Looks at all RayServices again and again."""

    client: httpx2.Client
    ray: LocalRay
    _clusters: dict[str, _Clusters] = field(default_factory=dict)
    """By the RayService's uid."""

    _sent: list[Json] | None = None

    def look(self) -> None:
        """Bring the Ray, the pods and the statuses up to date."""
        services = [each for each in self._find(RAY_SERVICES) if "deletionTimestamp" not in each["metadata"]]
        applications = [application for service in services for application in self._applications(service)]
        if applications != self._sent:
            self.ray.put(applications)
            self._sent = applications
        told = self.ray.applications()
        for service in services:
            self._follow(service)
            self._make_pods(service, told)
            self._report(service, told)
        self._remove_pods({service["metadata"]["uid"] for service in services})

    def _applications(self, service: Json) -> list[Json]:
        """Return the applications of a RayService, with paths of this machine."""
        found: list[Json] = yaml.safe_load(service["spec"]["serveConfigV2"])["applications"]
        for application in found:
            variables = application["runtime_env"]["env_vars"]
            variables["FAIRLEAD_HOP_SECRET_FILE"] = str(self._hop_secret(service["metadata"]))
        return found

    def _hop_secret(self, metadata: Json) -> Path:
        namespace, name = metadata["namespace"], metadata["name"]
        secret = self.client.get(f"/api/v1/namespaces/{namespace}/secrets/{hop_secret_name(name)}")
        content = base64.b64decode(secret.raise_for_status().json()["data"][name])
        file: Path = self.ray.home.hop_folder / name
        if not file.exists() or file.read_bytes() != content:
            write_atomically(file, content.decode())
        return file

    def _follow(self, service: Json) -> None:
        """Let a second cluster come where the first cannot be changed in place, and take its place."""
        uid, config = service["metadata"]["uid"], _fingerprint(service["spec"]["rayClusterConfig"])
        name = f"{service['metadata']['name']}-{config}"
        known = self._clusters.setdefault(uid, _Clusters(name, config))
        if config not in (known.config, known.pending_config):
            known.pending, known.pending_config, known.pending_looks = name, config, 0
        elif known.pending:
            known.pending_looks += 1
            if known.pending_looks * LOOK_EVERY_S >= CLUSTER_BUILDS_S:
                known.active, known.config, known.pending, known.pending_config = name, config, "", ""

    def _make_pods(self, service: Json, told: Mapping[str, Json]) -> None:
        clusters, config = self._clusters[service["metadata"]["uid"]], service["spec"]["rayClusterConfig"]
        replicas = _replicas(told.get(service["metadata"]["name"], {}))
        head, group = config["headGroupSpec"], config["workerGroupSpecs"][0]
        wanted = {f"{clusters.active}-head": (clusters.active, "head", head)}
        wanted |= {f"{clusters.active}-worker-{each}": (clusters.active, "worker", group) for each in replicas}
        if clusters.pending:
            wanted[f"{clusters.pending}-head"] = (clusters.pending, "head", head)
        there = {pod["metadata"]["name"]: pod for pod in self._pods(service["metadata"]["uid"])}
        for name in wanted.keys() - there.keys():
            self._make_pod(service["metadata"], name, *wanted[name])
        for name in there.keys() - wanted.keys():
            self._delete_pod(there[name])

    def _make_pod(self, owner: Json, name: str, cluster: str, node_type: str, group: Json) -> None:
        template = json.loads(json.dumps(group["template"]))
        container = template["spec"]["containers"][0]
        container["ports"] = [self._port(port) for port in container["ports"] if port["name"] != AUTOSCALER_METRICS]
        labels = template["metadata"]["labels"] | {CLUSTER_LABEL: cluster, TYPE_LABEL: node_type}
        reference = {"apiVersion": "ray.io/v1", "kind": "RayService", "name": owner["name"], "uid": owner["uid"]}
        metadata = {"name": name, "labels": labels, "ownerReferences": [reference]}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}
        pods = f"/api/v1/namespaces/{owner['namespace']}/pods"
        self.client.post(pods, json=pod).raise_for_status()
        status = {"phase": "Running", "podIP": LOOPBACK, "podIPs": [{"ip": LOOPBACK}]}
        self._change(f"{pods}/{name}/status", {"status": status})

    def _port(self, port: Json) -> Json:
        """Return a port of a pod, of those that show metrics where the one Ray has them."""
        shown = {"metrics": self.ray.ports.ray_metrics, "dash-metrics": self.ray.ports.dashboard_metrics}
        return {**port, "containerPort": shown.get(port["name"], port["containerPort"])}

    def _remove_pods(self, owners: set[str]) -> None:
        for uid in self._clusters.keys() - owners:
            for pod in self._pods(uid):
                self._delete_pod(pod)
            del self._clusters[uid]

    def _pods(self, owner: str) -> list[Json]:
        pods = self._find("/api/v1/pods", labelSelector=CLUSTER_LABEL)
        return [pod for pod in pods if pod["metadata"]["ownerReferences"][0]["uid"] == owner]

    def _delete_pod(self, pod: Json) -> None:
        """Delete a pod that no kubelet will say has ended."""
        metadata = pod["metadata"]
        path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}"
        self.client.delete(path, params={"gracePeriodSeconds": 0}).raise_for_status()

    def _report(self, service: Json, told: Mapping[str, Json]) -> None:
        metadata, clusters = service["metadata"], self._clusters[service["metadata"]["uid"]]
        said = told.get(metadata["name"], {})
        deployments = {
            name: {"status": each["status"], "message": each["message"]}
            for name, each in said.get("deployments", {}).items()
        }
        application = {
            "status": said.get("status", "NOT_STARTED"),
            "message": said.get("message", ""),
            "serveDeploymentStatuses": deployments,
        }
        active = {"rayClusterName": clusters.active, "applicationStatuses": {metadata["name"]: application}}
        pending = {"rayClusterName": clusters.pending} if clusters.pending else None
        status = {
            "observedGeneration": metadata["generation"],
            "activeServiceStatus": active,
            "pendingServiceStatus": pending,
            "numServeEndpoints": int(application["status"] == RUNNING),
        }
        shown = {key: value for key, value in status.items() if value is not None}
        if {key: service.get("status", {}).get(key) for key in status} != status and service.get("status") != shown:
            path = f"/apis/ray.io/v1/namespaces/{metadata['namespace']}/rayservices/{metadata['name']}/status"
            self._change(path, {"status": status})

    def _find(self, path: str, **query: str) -> list[Json]:
        answer = self.client.get(path, params=query).raise_for_status()
        found: list[Json] = answer.json()["items"]
        return found

    def _change(self, path: str, patch: Json) -> None:
        answer = self.client.patch(path, json=patch, headers=MERGE_PATCH)
        if answer.status_code != httpx2.codes.NOT_FOUND:
            answer.raise_for_status()


def _replicas(said: Json) -> list[str]:
    """Return the replicas that Serve has, by the end of their names."""
    found = (each for one in said.get("deployments", {}).values() for each in one["replicas"])
    return [each["replica_id"].lower() for each in found if each["state"] in ("STARTING", "RUNNING")]


def _fingerprint(config: Json) -> str:
    """Return what changes whenever KubeRay would build another cluster."""
    kept = json.loads(json.dumps(config))
    for group in kept["workerGroupSpecs"]:
        for name in _IGNORED_OF_GROUPS:
            group.pop(name, None)
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()[:8]


@contextmanager
def running_kuberay(control_plane: ControlPlane, ray: LocalRay) -> Iterator[None]:
    """Look after RayServices on a thread, as long as the context lasts."""
    stop = threading.Event()

    def look_for_ever() -> None:
        with control_plane.client() as client:
            kuberay = KubeRay(client, ray)
            while not stop.wait(LOOK_EVERY_S):
                try:
                    kuberay.look()
                except (httpx2.HTTPError, FairleadError) as error:
                    _log.warning("KubeRay's stand-in tries again: %s", error)

    thread = threading.Thread(target=look_for_ever, name="kuberay")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
