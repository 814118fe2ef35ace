"""Control plane, operator, gateway, Ray and Valkey, put together as the charts put them together."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import yaml

from fairlead_cli.credentials import create_credentials, mint_token
from fairlead_cli.home import Home
from fairlead_cli.platform import Platform, Service, ServiceState, write_platform
from fairlead_cli.ports import LOOPBACK, Ports, choose_ports
from fairlead_cli.processes import identify
from fairlead_cli.services import GATEWAY, RAY, VALKEY
from fairlead_cli.tenants_file import DEFAULT_TENANT, DEFAULT_TENANTS, create_tenants
from fairlead_cli.valkey import Valkey
from fairlead_contract.crd import document
from tests.cluster.control_plane import ControlPlane, running_control_plane, running_controller_manager
from tests.cluster.demo.kuberay import running_kuberay
from tests.cluster.demo.local_ray import running_ray
from tests.cluster.demo.programs import plain_environment, running_program
from tests.cluster.ray_services import define_ray_services
from tests.support.manifests import DEMO
from tests.support.ports import free_port
from tests.support.waiting import eventually

NAMESPACE = "fairlead"
MODELS = "models"
LONGEST_STREAM_S = 120
READY_TIMEOUT_S = 2.0
SERVING_IMAGE = "registry.example/fairlead-serving-cpu:1"
"""Named in pods, which nothing runs."""


@dataclass(frozen=True, slots=True)
class DemoCluster:
    """A platform that runs."""

    control_plane: ControlPlane
    home: Home
    ports: Ports
    operator_metrics: int
    """The port on which the operator shows its metrics."""

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.ports.gateway}"

    @property
    def token(self) -> str:
        """A token of the one tenant, for an hour."""
        return mint_token(self.home, DEFAULT_TENANT, timedelta(hours=1))

    def kubectl(self, *arguments: str) -> str:
        """Run kubectl in the namespace of models."""
        return self.control_plane.kubectl("-n", MODELS, *arguments)

    def model(self, name: str = "demo") -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.kubectl("get", "mdep", name, "-o", "json"))
        return found


def demo_manifest(folder: Path) -> Path:
    """Write the demo's manifest as a cluster takes it, with short delays, and return its path."""
    manifest = yaml.safe_load(DEMO.read_text())
    manifest["spec"]["model"]["source"] = f"file://{DEMO.parent / 'demo-model' / 'weights'}"
    manifest["spec"]["scaling"] |= {"upscaleDelaySeconds": 1, "downscaleDelaySeconds": 5}
    path = folder / "model.yaml"
    path.write_text(yaml.safe_dump(manifest))
    return path


@contextmanager
def running_cluster() -> Iterator[DemoCluster]:
    """Run a whole platform that has no model yet.

    Raises:
        AssertionError: A part did not start; says which.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fc-")))
        home = Home(folder / "home").create()
        home.create_service_folders()
        create_credentials(home)
        create_tenants(home)
        planes = folder / "control-plane"
        planes.mkdir()
        control_plane = stack.enter_context(running_control_plane(planes))
        stack.enter_context(running_controller_manager(control_plane))
        cluster = DemoCluster(control_plane, home, choose_ports(free_port()), free_port())
        _install(control_plane)
        valkey = _start_valkey(stack, home)
        ray = stack.enter_context(running_ray(home, cluster.ports, LONGEST_STREAM_S))
        stack.enter_context(running_kuberay(control_plane, ray))
        gateway = stack.enter_context(running_gateway(cluster))
        stack.enter_context(running_operator(cluster, cluster.operator_metrics))
        _write_state(cluster, {VALKEY: valkey, RAY: ray.process, GATEWAY: gateway})
        yield cluster


def _install(control_plane: ControlPlane) -> None:
    """Make what the charts make: the kind, the namespaces, the tenants and the Secret of API keys."""
    with control_plane.client() as client:
        definition = yaml.safe_load(document())
        path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
        client.post(path, json=definition).raise_for_status()
        kind = f"/apis/{definition['spec']['group']}/v1alpha1/{definition['spec']['names']['plural']}"
        eventually(lambda: client.get(kind).is_success, within_s=30, what="ModelDeployments are served")
        define_ray_services(client)
        for name in (NAMESPACE, MODELS):
            client.post("/api/v1/namespaces", json={"metadata": {"name": name}}).raise_for_status()
        own = f"/api/v1/namespaces/{NAMESPACE}"
        tenants = {"metadata": {"name": "tenants"}, "data": {"tenants.yaml": DEFAULT_TENANTS}}
        client.post(f"{own}/configmaps", json=tenants).raise_for_status()
        client.post(f"{own}/secrets", json={"metadata": {"name": "api-keys"}}).raise_for_status()


def _write_state(cluster: DemoCluster, services: Mapping[str, subprocess.Popen[bytes]]) -> None:
    """Write what the supervisor of one machine would, so that `fairlead` can look at what runs here."""
    supervisor = identify(os.getpid())
    assert supervisor is not None
    running = {
        name: Service(name=name, state=ServiceState.RUNNING, process=identify(process.pid))
        for name, process in services.items()
    }
    write_platform(cluster.home, Platform(supervisor=supervisor, ports=cluster.ports, services=running))


def _start_valkey(stack: ExitStack, home: Home) -> subprocess.Popen[bytes]:
    valkey = Valkey(home)
    valkey.write_configuration()
    log = home.logs / "valkey.log"
    return stack.enter_context(
        running_program(valkey.command, environment=plain_environment(), log=log, is_ready=valkey.answers)
    )


@contextmanager
def running_gateway(cluster: DemoCluster) -> Iterator[subprocess.Popen[bytes]]:
    """Run the gateway, which watches the API server."""
    home, ports = cluster.home, cluster.ports
    settings = {
        "HOST": LOOPBACK,
        "PORT": str(ports.gateway),
        "METRICS_HOST": LOOPBACK,
        "METRICS_PORT": str(ports.gateway_metrics),
        "REDIS_URL": Valkey(home).url,
        "SOURCE": "kubernetes",
        "TENANTS_CONFIG_MAP": f"{NAMESPACE}/tenants/tenants.yaml",
        "API_KEYS_SECRET": f"{NAMESPACE}/api-keys",
        "UPSTREAM": f"{LOOPBACK}:{ports.serve}",  # one Ray has the applications of all models
        "JWT_KEY_FILE": str(home.jwt_key),
        "PEPPER_FILE": str(home.pepper),
        "HOP_KEY_FILE": str(home.hop_key),
        "LONGEST_STREAM_S": str(LONGEST_STREAM_S),
    }
    environment = {f"FAIRLEAD_GATEWAY_{name}": value for name, value in settings.items()}
    with _part(cluster, "gateway", "fairlead_gateway", environment, f"{cluster.url}/ready") as process:
        yield process


@contextmanager
def running_operator(cluster: DemoCluster, metrics: int) -> Iterator[None]:
    """Run the operator, which asks the gateway how it routes, and shows its metrics on a port."""
    health, home = free_port(), cluster.home
    settings = {
        "SERVING_IMAGE": SERVING_IMAGE,
        "GATEWAY_NAMESPACE": NAMESPACE,
        "GATEWAY_INTERNAL_URLS": json.dumps([f"http://{LOOPBACK}:{cluster.ports.gateway_metrics}"]),
        "PUBLIC_URL": cluster.url,
        "HOP_ROOT_FILE": str(home.hop_key),
        "LONGEST_STREAM_S": str(LONGEST_STREAM_S),
        "HOST": LOOPBACK,
        "METRICS_PORT": str(metrics),
        "HEALTH_PORT": str(health),
    }
    environment = {f"FAIRLEAD_OPERATOR_{name}": value for name, value in settings.items()}
    with _part(cluster, "operator", "fairlead_operator", environment, f"http://{LOOPBACK}:{health}/healthz"):
        yield


@contextmanager
def _part(
    cluster: DemoCluster, name: str, module: str, environment: dict[str, str], answers_at: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Run one of our own programs as the cluster's administrator."""
    whole = plain_environment(KUBECONFIG=str(cluster.control_plane.kubeconfig), **environment)
    log = cluster.home.logs / f"{name}.log"
    command = [sys.executable, "-m", module]
    with running_program(command, environment=whole, log=log, is_ready=lambda: _answers(answers_at)) as process:
        yield process


def _answers(url: str) -> bool:
    try:
        return httpx2.get(url, timeout=READY_TIMEOUT_S, trust_env=False).is_success
    except httpx2.HTTPError:
        return False
