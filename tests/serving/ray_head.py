"""One real Ray with token authentication, HAProxy and direct ingress, on the loopback interface and on free ports."""

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from fairlead_contract.ray_environment import HAPROXY_FOLDER_MODE, RayPorts, ray_environment
from tests.support.waiting import eventually

HOST = "127.0.0.1"


@dataclass
class RayHead:
    """A running Ray and the applications on it."""

    folder: Path
    dashboard: int
    http: int
    metrics: int
    ports: RayPorts
    applications: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def token(self) -> str:
        return (self.folder / "ray.token").read_text()

    def hop_secret(self, name: str) -> str:
        """Return a model's hop secret, which is made on first use."""
        file = self.folder / "hop" / name
        if not file.exists():
            file.parent.mkdir(exist_ok=True)
            file.write_text(secrets.token_hex(32))
        return file.read_text()

    def deploy(self, application: dict[str, Any]) -> None:
        """Add or replace an application."""
        self.applications[application["name"]] = application
        self._put()

    def remove(self, name: str) -> None:
        """Remove an application."""
        del self.applications[name]
        self._put()

    def status(self, name: str) -> dict[str, Any]:
        """Return what Serve says of an application."""
        told: dict[str, Any] = self._call("GET")["applications"].get(name, {})
        return told

    def replicas(self, name: str) -> list[psutil.Process]:
        """Return the processes of an application's replicas that Serve knows as running."""
        deployments = self.status(name).get("deployments", {})
        states = [replica for deployment in deployments.values() for replica in deployment["replicas"]]
        found = []
        for state in states:
            with suppress(psutil.NoSuchProcess):  # Serve hears of a death a moment later
                if state["state"] == "RUNNING":
                    found.append(psutil.Process(state["pid"]))
        return found

    def facts(self) -> str:
        """Return the metrics of the whole Ray as text."""
        with urllib.request.urlopen(f"http://{HOST}:{self.metrics}/metrics", timeout=10) as answer:
            return str(answer.read().decode())

    def _put(self) -> None:
        http = {"host": HOST, "port": self.http}
        config = {"http_options": http, "proxy_location": "HeadOnly", "applications": [*self.applications.values()]}
        self._call("PUT", config)

    def _call(self, method: str, body: object = None) -> Any:
        request = urllib.request.Request(
            f"http://{HOST}:{self.dashboard}/api/serve/applications/",
            method=method,
            data=json.dumps(body).encode() if body else None,
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            said = answer.read()
        return json.loads(said) if said else None


@contextmanager
def running_ray() -> Iterator[RayHead]:
    """Start a Ray, and end every process of it afterwards."""
    with tempfile.TemporaryDirectory(prefix="fl-", dir="/tmp", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        head = _head(folder)
        process = subprocess.Popen(
            _command(head), env=_environment(head), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            eventually(lambda: _answers(head), within_s=120, what="Ray's dashboard", pause_s=0.5)
            yield head
        finally:
            _end(process, folder)


def _head(folder: Path) -> RayHead:
    stats, metrics, dashboard, http, exported, first = _free_ports(6)
    (folder / "ray.token").write_text(secrets.token_hex(32))
    (folder / "ray.token").chmod(0o600)
    (folder / "haproxy").mkdir(mode=HAPROXY_FOLDER_MODE)
    ports = RayPorts(haproxy_stats=stats, haproxy_metrics=metrics, replica_first=first, replica_last=first + 20)
    return RayHead(folder, dashboard, http, exported, ports)


def _environment(head: RayHead) -> dict[str, str]:
    dropped = ("PYTHONDONTWRITEBYTECODE", "PYTHONWARNINGS")
    kept = {name: value for name, value in os.environ.items() if name not in dropped and not name.startswith("RAY_")}
    serve = ray_environment(
        longest_stream_s=120,
        token_file=str(head.folder / "ray.token"),
        haproxy_folder=str(head.folder / "haproxy"),
        ports=head.ports,
    )
    fallback_http, fallback_grpc, autoscaler, dashboard = _free_ports(4)
    return (
        kept
        | serve
        | {
            "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
            "RAY_metrics_report_interval_ms": "1000",
            "RAY_SERVE_FALLBACK_PROXY_HTTP_PORT": str(fallback_http),
            "RAY_SERVE_FALLBACK_PROXY_GRPC_PORT": str(fallback_grpc),
            "AUTOSCALER_METRIC_PORT": str(autoscaler),
            "DASHBOARD_METRIC_PORT": str(dashboard),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        }
    )


def _command(head: RayHead) -> list[str]:
    gcs, client, agent, agent_grpc, runtime = _free_ports(5)
    options = {
        "node-ip-address": HOST,
        "port": gcs,
        "ray-client-server-port": client,
        "dashboard-host": HOST,
        "dashboard-port": head.dashboard,
        "dashboard-agent-listen-port": agent,
        "dashboard-agent-grpc-port": agent_grpc,
        "runtime-env-agent-port": runtime,
        "metrics-export-port": head.metrics,
        "min-worker-port": 0,
        "max-worker-port": 0,
        "num-cpus": 8,
        "object-store-memory": 80_000_000,
        "temp-dir": head.folder / "r",
    }
    words = [f"--{name}={value}" for name, value in options.items()]
    return [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", "--disable-usage-stats", *words]


def _answers(head: RayHead) -> bool:
    try:
        head.status("none")
    except (OSError, urllib.error.URLError):
        return False
    return True


def _end(process: "subprocess.Popen[bytes]", folder: Path) -> None:
    """End Ray in order, then whatever still names its folder."""
    family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    process.send_signal(signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(timeout=10)
    for member in psutil.process_iter():
        with suppress(psutil.Error):
            if str(folder) in " ".join([*member.cmdline(), *member.environ().values()]):
                family.append(member)
    for member in family:
        with suppress(psutil.NoSuchProcess):
            member.kill()
    process.wait(timeout=10)
    psutil.wait_procs(family, timeout=10)


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for opened in sockets:
        opened.bind((HOST, 0))
    ports = [opened.getsockname()[1] for opened in sockets]
    for opened in sockets:
        opened.close()
    return ports
