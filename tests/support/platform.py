"""A real platform, started and taken down as its users do it: by the `fairlead` command."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import psutil
import yaml

from tests.support.exposition import Exposition
from tests.support.ports import free_port
from tests.support.processes import describe, is_alive, platform_processes
from tests.support.sse import BackgroundStream
from tests.support.waiting import eventually

FAIRLEAD = Path(sys.executable).with_name("fairlead")
START_TIMEOUT_S = 900
COMMAND_TIMEOUT_S = 180
REQUEST_TIMEOUT_S = 180
DEMO_MODEL = "fairlead-demo"

_TOOL_VARIABLES = ("PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV")


@dataclass
class Platform:
    """One platform with a state folder and a gateway port of its own."""

    home: Path
    port: int
    manifests: Path
    """Folder for manifests that tests write; not applied by itself."""

    said: str = ""
    """What `fairlead up` printed."""

    token: str = ""
    _tenants: int = field(default=0, init=False)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment of its commands, as a user's shell would have it."""
        kept = {name: value for name, value in os.environ.items() if name not in _TOOL_VARIABLES}
        path = f"{FAIRLEAD.parent}:{kept.get('PATH', '')}"
        return kept | {"FAIRLEAD_HOME": str(self.home), "FAIRLEAD_PORT": str(self.port), "PATH": path}

    # --- commands

    def run(self, *arguments: str, timeout_s: float = COMMAND_TIMEOUT_S) -> subprocess.CompletedProcess[str]:
        """Run `fairlead` with arguments, whatever comes of it."""
        return subprocess.run(
            [str(FAIRLEAD), *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            stdin=subprocess.DEVNULL,
            check=False,
        )

    def fairlead(self, *arguments: str, timeout_s: float = COMMAND_TIMEOUT_S) -> str:
        """Run `fairlead` with arguments and return what it printed to standard output.

        Raises:
            AssertionError: It failed.
        """
        done = self.run(*arguments, timeout_s=timeout_s)
        assert done.returncode == 0, f"fairlead {' '.join(arguments)}: {done.stdout}{done.stderr}"
        return done.stdout

    def up(self, path: Path) -> None:
        """Start it with a manifest or a folder of manifests, and wait until the models answer."""
        self.said = self.fairlead("up", "-f", str(path), "--detach", timeout_s=START_TIMEOUT_S)
        self.token = self.fairlead("token").strip()

    def apply(self, text: str) -> None:
        """Apply a manifest and wait until its model answers."""
        self.fairlead("apply", "-f", str(self.write(text)), timeout_s=START_TIMEOUT_S)

    def delete(self, name: str) -> None:
        """Delete a model and wait until it is gone."""
        self.fairlead("delete", name, timeout_s=START_TIMEOUT_S)

    def write(self, text: str) -> Path:
        """Write a manifest to a file and return its path."""
        name = yaml.safe_load(text)["metadata"]["name"]
        path = self.manifests / f"{name}.yaml"
        path.write_text(text)
        return path

    # --- what it says of itself

    def status(self) -> dict[str, Any]:
        """Return what `fairlead status --json` says."""
        said: dict[str, Any] = json.loads(self.fairlead("status", "--json"))
        return said

    def model(self, name: str) -> dict[str, Any]:
        """Return what the status says of one model."""
        rows: list[dict[str, Any]] = [row for row in self.status()["models"] if row["model"] == name]
        assert rows, f"the status does not know {name}"
        return rows[0]

    @property
    def state(self) -> dict[str, Any]:
        """Return its state file: ports and services."""
        said: dict[str, Any] = json.loads((self.home / "platform.json").read_text())
        return said

    @property
    def ports(self) -> dict[str, int]:
        ports: dict[str, int] = self.state["ports"]
        return ports

    def service_pids(self) -> dict[str, int]:
        """Return the pids of the supervisor and of the services that it keeps."""
        services = {name: service["process"]["pid"] for name, service in self.state["services"].items()}
        return services | {"supervisor": self.state["supervisor"]["pid"]}

    def page(self, port: str, path: str = "/metrics") -> str:
        """Return a page of one of its ports, which `platform.json` names."""
        answer = httpx2.get(f"http://127.0.0.1:{self.ports[port]}{path}", timeout=10)
        assert answer.is_success, f"{answer.url} answers {answer.status_code}"
        return answer.text

    def engine_metrics(self) -> Exposition:
        """Read what the engines count, at Ray's metrics port."""
        return Exposition(self.page("ray_metrics"))

    def gateway_metrics(self) -> Exposition:
        """Read what the gateway counts."""
        return Exposition(self.page("gateway_metrics"))

    # --- engines

    def ranks(self, name: str) -> list[psutil.Process]:
        """Return the processes of a model's parallel ranks, of all replicas, that are still there."""
        found = []
        for _, pid in self.model(name)["ranks"]:
            with suppress(psutil.NoSuchProcess):  # it may have ended since the status was made
                found.append(psutil.Process(pid))
        return found

    def engine_core(self, name: str) -> psutil.Process:
        """Return the engine core of a model with one replica of one rank, once the status shows it."""

        def find() -> psutil.Process:
            try:
                (rank,) = self.ranks(name)
                return next(process for process in (rank, *rank.parents()) if "EngineCore" in process.name())
            except (ValueError, StopIteration, psutil.NoSuchProcess) as error:
                raise AssertionError(repr(error)) from error

        return eventually(find, within_s=120, what=f"one rank of {name} in the status", pause_s=1)

    # --- requests

    def headers(self, token: str | None = None) -> dict[str, str]:
        return {"authorization": f"Bearer {token or self.token}"}

    def post(self, path: str, body: Any, *, token: str | None = None) -> httpx2.Response:
        """Send a JSON request."""
        return httpx2.post(self.url + path, json=body, headers=self.headers(token), timeout=REQUEST_TIMEOUT_S)

    def chat(self, question: str = "Hello", *, token: str | None = None, **fields: Any) -> httpx2.Response:
        """Ask one chat question."""
        return self.post("/v1/chat/completions", chat_body(question, **fields), token=token)

    def stream(self, question: str = "Hello", *, token: str | None = None, **fields: Any) -> BackgroundStream:
        """Start a chat stream that is read in the background; each token has an event of its own."""
        body = chat_body(question, stream=True, **{"stream_interval": 1, **fields})
        return BackgroundStream(f"{self.url}/v1/chat/completions", body, token or self.token).start()

    def completion_answers(self, model: str = DEMO_MODEL) -> bool:
        """Return whether a model completes a text by one token."""
        answer = self.post("/v1/completions", {"model": model, "prompt": "The", "max_tokens": 1, "temperature": 1})
        return answer.status_code == httpx2.codes.OK

    # --- tenants

    def tenant(self, **limits: int) -> str:
        """Declare one more tenant with limits of its own, and return a token of it that the gateway accepts."""
        self._tenants += 1
        name = f"tenant-{self._tenants}"
        file = self.home / "tenants.yaml"
        declared = yaml.safe_load(file.read_text())
        declared["plans"].setdefault("unlimited", {})
        declared["tenants"][name] = {"plan": "unlimited", "limits": limits}
        new = file.with_suffix(".new")
        new.write_text(yaml.safe_dump(declared))
        new.rename(file)
        token = self.fairlead("token", "--tenant", name).strip()
        eventually(lambda: self.accepts(token), within_s=30, what=f"the gateway reads that {name} is a tenant")
        return token

    def accepts(self, token: str) -> bool:
        """Return whether the gateway takes a token or key."""
        return httpx2.get(f"{self.url}/v1/models", headers=self.headers(token), timeout=10).is_success


def chat_body(question: str, *, model: str = DEMO_MODEL, **fields: Any) -> dict[str, Any]:
    """Return the body of a chat request."""
    return {"model": model, "messages": [{"role": "user", "content": question}], **fields}


@contextmanager
def running_platform(path: Path) -> Iterator[Platform]:
    """Start a platform, and take it down again: nothing of it may be left then.

    Raises:
        AssertionError: It did not start, or a process of it outlived `fairlead down`.
    """
    home = Path(tempfile.mkdtemp(prefix="f-"))  # not pytest's folder: Unix sockets bear no long paths
    manifests = Path(tempfile.mkdtemp(prefix="fairlead-manifests-"))
    platform = Platform(home, free_port(), manifests)
    try:
        try:
            platform.up(path)
            yield platform
        finally:
            take_down(platform)
    except BaseException:
        sys.stderr.write(f"\nthe platform's state folder is kept: {home}\n")
        raise
    shutil.rmtree(home)
    shutil.rmtree(manifests)


def take_down(platform: Platform) -> None:
    """Take a platform down as its user does.

    Raises:
        AssertionError: A process of it is left; it is killed then.
    """
    before = platform_processes(platform.home)
    platform.fairlead("down", timeout_s=300)
    left = {process for process in before | platform_processes(platform.home) if is_alive(process)}
    told = describe(left)
    for process in left:
        process.kill()
    assert not told, f"left behind by fairlead down: {told}"
