"""The two arms of the platform's benchmark: a bare vLLM server and the whole platform, with the same engine."""

import asyncio
import os
import shlex
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from fairlead_contract.manifest import load_path
from fairlead_contract.serve_config import RuntimeProfile, serve_application
from fairlead_serving.engine_arguments import words
from tests.bench.load import Target
from tests.support.ports import free_port

MANIFEST = Path(__file__).parents[2] / "docs" / "examples" / "01-demo.yaml"
STARTUP_TIMEOUT_S = 300
_TENANTS = """# The benchmark's tenant: limits are checked on each request, and are too high to be reached.
plans:
  bench: {requestsPerMinute: 10000000, tokensPerMinute: 1000000000000}
tenants:
  local: {plan: bench}
"""


def bench_manifest(folder: Path) -> Path:
    """Write the demo manifest with one fixed replica, and return its path."""
    manifest = yaml.safe_load(MANIFEST.read_text())
    manifest["spec"]["scaling"] = {"minReplicas": 1, "maxReplicas": 1}
    manifest["spec"]["model"]["source"] = f"file://{MANIFEST.parent / 'demo-model' / 'weights'}"
    path = folder / "model.yaml"
    path.write_text(yaml.safe_dump(manifest))
    return path


def engine(manifest: Path) -> tuple[list[str], dict[str, str]]:
    """Return vLLM's arguments and environment as the platform renders them from a manifest."""
    [deployment] = load_path(manifest)
    application: dict[str, Any] = serve_application(deployment, profile=RuntimeProfile(hop_secrets_folder="unused"))
    spec, environment = application["args"], application["runtime_env"]["env_vars"]
    arguments = ["--model", spec["source"].removeprefix("file://"), "--served-model-name", spec["served_name"]]
    for name, value in spec["engine_arguments"].items():
        arguments += words(name, value)
    return arguments, {name: value for name, value in environment.items() if not name.startswith("FAIRLEAD_")}


@contextmanager
def bare_vllm(manifest: Path, log: Path) -> Iterator[Target]:
    """Run vLLM's own server, without access and request logs, as long as the context lasts."""
    arguments, environment = engine(manifest)
    port = free_port()
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", *arguments]
    command += ["--host", "127.0.0.1", "--port", str(port), "--disable-uvicorn-access-log"]
    print(f"bare vLLM: {shlex.join(f'{name}={value}' for name, value in environment.items())} {shlex.join(command)}")
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env=os.environ | environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            target = Target(f"http://127.0.0.1:{port}", arguments[3])
            asyncio.run(_answers(f"{target.url}/health", process))
            yield target
        finally:
            process.terminate()
            process.wait(timeout=60)


@contextmanager
def platform(manifest: Path, home: Path, longest_stream_s: int = 600) -> Iterator[Target]:
    """Run the whole platform, all policies on, as long as the context lasts."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    (home / "tenants.yaml").write_text(_TENANTS)
    port = free_port()
    environment = os.environ | {
        "FAIRLEAD_HOME": str(home),
        "FAIRLEAD_PORT": str(port),
        "FAIRLEAD_LONGEST_STREAM_S": str(longest_stream_s),
        "FAIRLEAD_GATEWAY_ACCESS_LOG": "false",  # the other arm has none either
    }
    fairlead = str(Path(sys.executable).with_name("fairlead"))
    command = [fairlead, "up", "-f", str(manifest), "--detach"]
    arguments, engine_environment = engine(manifest)
    print(f"Fairlead:  FAIRLEAD_GATEWAY_ACCESS_LOG=false {shlex.join(command)}")
    print(f"           which gives its engine {shlex.join(arguments)} and {engine_environment}")
    try:
        subprocess.run(command, env=environment, check=True, stdout=sys.stderr, timeout=STARTUP_TIMEOUT_S)
        token = subprocess.run(
            [fairlead, "token"], env=environment, check=True, capture_output=True, text=True
        ).stdout.strip()
        yield Target(f"http://127.0.0.1:{port}", arguments[3], token)
    finally:
        subprocess.run([fairlead, "down"], env=environment, check=True, stdout=sys.stderr)


async def _answers(url: str, process: subprocess.Popen[bytes]) -> None:
    """Wait until a server answers, as long as its process lives."""
    async with asyncio.timeout(STARTUP_TIMEOUT_S):
        while not await asyncio.to_thread(_is_healthy, url):
            if process.poll() is not None:
                raise RuntimeError(f"the server ended with {process.returncode} before it answered")
            await asyncio.sleep(0.5)


def _is_healthy(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False
