"""The arms of the gateway's benchmark: ours with all policies on, and its peers, each in an environment of its own."""

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import yaml
from redis import Redis

from fairlead_contract.routing import RouteTable
from tests.bench.pinned import MEASURED_CORE, OTHER_CORE, running
from tests.bench.probes import answers
from tests.bench.request_load import Door
from tests.gateway.builders import route
from tests.gateway.support.gateway import fresh_token, gateway_files
from tests.support.ports import free_port
from tests.support.valkey import valkey_on

LITELLM = "litellm[proxy]==1.108.7"
VLLM_ROUTER = "vllm-router==0.1.17"

ENVIRONMENTS = Path("build/bench/environments")
UV = Path(".uv/bin/uv")
_TENANTS = """
plans:
  bench: {requestsPerMinute: 10000000, tokensPerMinute: 1000000000000, tokensPerDay: 1000000000000}
tenants:
  acme: {plan: bench}
"""


@dataclass(frozen=True, slots=True)
class Upstreams:
    """Ports of the model that answers at once and of the one that streams."""

    answering: int
    streaming: int


@dataclass(frozen=True, slots=True)
class Arm:
    """One gateway under load.

    Attributes:
        answers: Where requests go that are answered at once.
        streams: Where requests go whose answer is a paced stream.
        processes: What is measured, with their children.
        redis: The Redis beside it, where it has one.
    """

    name: str
    answers: Door
    streams: Door
    processes: tuple[psutil.Process, ...]
    redis: psutil.Process | None = None


@contextmanager
def fairlead(folder: Path, upstreams: Upstreams) -> Iterator[Arm]:
    """Run this project's gateway: JWT, requests and tokens per minute in Redis, metrics; no access log."""
    with redis(folder) as (socket, valkey), gateway_files(folder, upstreams.answering) as paths:
        models = (route("demo", upstream_port=upstreams.answering), route("stream", upstream_port=upstreams.streaming))
        paths["routes_file"].write_text(RouteTable(routes=models).to_json())
        paths["tenants_file"].write_text(_TENANTS)
        port, metrics_port = free_port(), free_port()
        settings = {"port": port, "metrics_port": metrics_port, "redis_url": f"unix://{socket}", "access_log": "false"}
        environment = {f"FAIRLEAD_GATEWAY_{name.upper()}": str(value) for name, value in (paths | settings).items()}
        command = [sys.executable, "-m", "fairlead_gateway"]
        with running(
            command,
            core=MEASURED_CORE,
            log=folder / "fairlead.log",
            environment=environment,
            is_ready=lambda: answers(port, "/ready"),
        ) as process:
            door = Door(port, token=fresh_token())
            yield Arm("fairlead", door, door, (process,), valkey)


@contextmanager
def litellm(folder: Path, upstreams: Upstreams) -> Iterator[Arm]:
    """Run LiteLLM's proxy in its Python mode: a master key, an answers' cache in memory, no database, no logs."""
    with _litellm("litellm", folder, upstreams) as arm:
        yield arm


@contextmanager
def litellm_rust(folder: Path, upstreams: Upstreams) -> Iterator[Arm]:
    """Run LiteLLM's proxy with its bridge to Rust, on Granian."""
    with _litellm("litellm-rust", folder, upstreams, "--run_granian", environ={"LITELLM_RUST": "1"}) as arm:
        yield arm


@contextmanager
def _litellm(
    name: str, folder: Path, upstreams: Upstreams, *options: str, environ: Mapping[str, str] | None = None
) -> Iterator[Arm]:
    port, key = free_port(), f"sk-{secrets.token_hex(32)}"
    models = [
        {
            "model_name": model,
            "litellm_params": {
                "model": f"openai/{model}",
                "api_base": f"http://127.0.0.1:{upstream}/v1",
                "api_key": "none",
            },
        }
        for model, upstream in (("demo", upstreams.answering), ("stream", upstreams.streaming))
    ]
    config = folder / f"{name}.yaml"
    # Without a mode, every request would be looked up in the cache; ours looks only for deterministic ones.
    cache = {"cache": True, "cache_params": {"type": "local", "mode": "default_off"}}
    config.write_text(yaml.safe_dump({"model_list": models, "litellm_settings": {"set_verbose": False, **cache}}))
    command: list[str | Path] = [environment("litellm", LITELLM) / "litellm", "--config", config]
    command += ["--port", str(port)]
    command += ["--host", "127.0.0.1", "--num_workers", "1", *options]
    settings = {"LITELLM_MASTER_KEY": key, "LITELLM_LOG": "ERROR", "LITELLM_TELEMETRY": "False"}
    with running(
        command,
        core=MEASURED_CORE,
        log=folder / f"{name}.log",
        environment=settings | dict(environ or {}),
        is_ready=lambda: answers(port, "/health/liveliness"),
    ) as process:
        door = Door(port, token=key)
        yield Arm(name, door, door, (process,))


@contextmanager
def vllm_router(folder: Path, upstreams: Upstreams) -> Iterator[Arm]:
    """Run the vLLM project's router, written in Rust, one for each upstream; it has no tenants, limits or cache."""
    binary = environment("vllm-router", VLLM_ROUTER) / "vllm-router"
    with (
        _router(binary, folder, upstreams.answering) as (answering, one),
        _router(binary, folder, upstreams.streaming) as (streaming, other),
    ):
        yield Arm("vllm-router", Door(answering), Door(streaming), (one, other))


@contextmanager
def _router(binary: Path, folder: Path, upstream: int) -> Iterator[tuple[int, psutil.Process]]:
    port, prometheus = free_port(), free_port()
    command: list[str | Path] = [binary, "--host", "127.0.0.1", "--port", str(port)]
    command += ["--policy", "round_robin", "--log-level", "error"]
    command += ["--worker-urls", f"http://127.0.0.1:{upstream}"]
    command += ["--prometheus-host", "127.0.0.1", "--prometheus-port", str(prometheus)]
    with running(
        command, core=MEASURED_CORE, log=folder / f"router-{upstream}.log", is_ready=lambda: answers(port, "/health")
    ) as process:
        yield port, process


@contextmanager
def redis(folder: Path) -> Iterator[tuple[Path, psutil.Process]]:
    """Run a Valkey on the other core; yield its socket and its process."""
    socket = folder / "valkey.sock"
    with valkey_on(socket), Redis(unix_socket_path=str(socket)) as client:
        process = psutil.Process(client.info("server")["process_id"])
        process.cpu_affinity([OTHER_CORE])
        yield socket, process


def environment(name: str, requirement: str) -> Path:
    """Return the folder of a peer's programs; the peer is installed where this very one is not there yet."""
    folder = ENVIRONMENTS / name
    installed = folder / "peer.json"
    if not installed.exists() or json.loads(installed.read_text())["requirement"] != requirement:
        print(f"installing {requirement} into {folder}", flush=True)
        subprocess.run([UV, "venv", "--quiet", "--clear", "--python", sys.executable, folder], check=True)
        python = folder / "bin" / "python"
        subprocess.run([UV, "pip", "install", "--quiet", "--python", python, requirement], check=True)
        listed = subprocess.run(
            [UV, "pip", "list", "--quiet", "--format", "json", "--python", python], check=True, capture_output=True
        )
        installed.write_text(json.dumps({"requirement": requirement, "packages": json.loads(listed.stdout)}))
    return (folder / "bin").absolute()


def version(name: str) -> str:
    """Return the installed version of a peer."""
    packages = json.loads((ENVIRONMENTS / name / "peer.json").read_text())["packages"]
    return next(str(package["version"]) for package in packages if package["name"] == name)


def is_available() -> bool:
    """Return whether this machine has the two cores on which arms and load are kept apart."""
    return {MEASURED_CORE, OTHER_CORE} <= os.sched_getaffinity(0)
