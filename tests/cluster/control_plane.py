"""A real control plane for tests: etcd and kube-apiserver on free ports of the loopback address.

Nothing schedules or runs pods, and nothing follows from what is deleted unless a controller manager runs beside it.
Certificates, tokens and data live in one folder and die with it.
"""

import os
import secrets
import ssl
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import trustme
import yaml

from tests.cluster.binaries import programs_folder
from tests.support.ports import free_port
from tests.support.waiting import eventually

START_S = 120
"""Generous, for machines that do much else; it takes 5 s."""

STOP_S = 20

CONTROLLERS = (
    "garbage-collector-controller",
    "namespace-controller",
    "persistentvolumeclaim-protection-controller",
)


@dataclass(frozen=True, slots=True)
class ControlPlane:
    """A running control plane and what its administrator needs."""

    folder: Path
    address: str
    token: str

    @property
    def kubeconfig(self) -> Path:
        return self.folder / "kubeconfig"

    @contextmanager
    def client(self, *, account: str | None = None) -> Iterator[httpx2.Client]:
        """Open an HTTP client of the administrator, or one that may do what a service account may.

        Args:
            account: The account as `namespace:name`.
        """
        acting = {"impersonate-user": f"system:serviceaccount:{account}"} if account else {}
        with httpx2.Client(**self._access) as client:
            client.headers.update(acting)
            yield client

    @asynccontextmanager
    async def async_client(self) -> AsyncIterator[httpx2.AsyncClient]:
        """Open an HTTP client of the administrator, for tests that hold an event loop."""
        async with httpx2.AsyncClient(**self._access) as client:
            yield client

    @property
    def _access(self) -> dict[str, Any]:
        trust = ssl.create_default_context(cafile=str(self.folder / "ca.pem"))
        headers = {"authorization": f"Bearer {self.token}"}
        return {"base_url": self.address, "verify": trust, "headers": headers, "timeout": 30}

    def kubectl(self, *arguments: str) -> str:
        """Run kubectl as the administrator, and return what it prints.

        Raises:
            AssertionError: It failed; says why.
        """
        environment = {"KUBECONFIG": str(self.kubeconfig), "HOME": str(self.folder), "PATH": os.defpath}
        command = [str(programs_folder() / "kubectl"), *arguments]
        ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout


@contextmanager
def running_control_plane(folder: Path) -> Iterator[ControlPlane]:
    """Run a control plane that keeps everything in a folder, and end it.

    Raises:
        FileNotFoundError: Its programs are not there; says how to get them.
        AssertionError: It did not come up; says why.
    """
    programs = programs_folder()
    folder.chmod(0o700)
    token = secrets.token_urlsafe()
    port = free_port()
    running = ControlPlane(folder, f"https://127.0.0.1:{port}", token)
    _write_credentials(running)
    with ExitStack() as stack:
        etcd_address, etcd = _etcd(folder)
        stack.enter_context(_running([str(programs / "etcd"), *etcd], log=folder / "etcd.log"))
        command = [str(programs / "kube-apiserver"), *_kube_apiserver(folder, port, etcd_address)]
        process = stack.enter_context(_running(command, log=folder / "kube-apiserver.log"))
        client = stack.enter_context(running.client())
        eventually(lambda: _is_ready(client, process, folder), within_s=START_S, what="the control plane is ready")
        yield running


@contextmanager
def running_controller_manager(running: ControlPlane) -> Iterator[None]:
    """Let deletions have their consequences: owned objects go with their owner, and all that a namespace holds with it.

    Kubernetes' other controllers stay out, since tests say in their place what became of Jobs, pods and budgets.
    """
    command = [
        str(programs_folder() / "kube-controller-manager"),
        f"--kubeconfig={running.kubeconfig}",
        f"--controllers={','.join(CONTROLLERS)}",
        "--leader-elect=false",
        "--secure-port=0",
    ]
    with _running(command, log=running.folder / "kube-controller-manager.log"):
        yield


def _write_credentials(running: ControlPlane) -> None:
    folder = running.folder
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    server = authority.issue_cert("127.0.0.1")
    server.cert_chain_pems[0].write_to_path(str(folder / "server.pem"))
    server.private_key_pem.write_to_path(str(folder / "server.key"))
    (folder / "tokens.csv").write_text(f"{running.token},admin,admin,system:masters\n")
    kubeconfig = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": "test",
                "cluster": {"server": running.address, "certificate-authority": str(folder / "ca.pem")},
            }
        ],
        "users": [{"name": "admin", "user": {"token": running.token}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "admin"}}],
        "current-context": "test",
    }
    running.kubeconfig.write_text(yaml.safe_dump(kubeconfig))


def _etcd(folder: Path) -> tuple[str, list[str]]:
    """Return etcd's address and its flags; its data need not survive the machine."""
    clients, peers = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
    return clients, [
        f"--data-dir={folder / 'etcd'}",
        f"--listen-client-urls={clients}",
        f"--advertise-client-urls={clients}",
        f"--listen-peer-urls={peers}",
        f"--initial-advertise-peer-urls={peers}",
        f"--initial-cluster=default={peers}",
        "--unsafe-no-fsync",
    ]


def _kube_apiserver(folder: Path, port: int, etcd_address: str) -> list[str]:
    return [
        f"--etcd-servers={etcd_address}",
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        f"--secure-port={port}",
        f"--tls-cert-file={folder / 'server.pem'}",
        f"--tls-private-key-file={folder / 'server.key'}",
        f"--token-auth-file={folder / 'tokens.csv'}",
        "--authorization-mode=RBAC",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={folder / 'server.key'}",
        f"--service-account-signing-key-file={folder / 'server.key'}",
        "--service-cluster-ip-range=10.96.0.0/16",
        "--endpoint-reconciler-type=none",  # its own address is a loopback one, which no endpoint may have
        "--disable-admission-plugins=ServiceAccount",  # nobody makes the default account
    ]


@contextmanager
def _running(command: list[str], *, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program that dies with this process, however that ends."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "--", *command], stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _is_ready(client: httpx2.Client, process: subprocess.Popen[bytes], folder: Path) -> bool:
    """Return whether every request would be answered; the namespace comes a moment after the server is ready."""
    if process.poll() is not None:
        tail = (folder / "kube-apiserver.log").read_text()[-2000:]
        raise RuntimeError(f"kube-apiserver ended with {process.returncode}: {tail}")
    try:
        return all(client.get(path).is_success for path in ("/readyz", "/api/v1/namespaces/default"))
    except httpx2.TransportError:
        return False
