"""Which of vLLM's arguments a manifest may set.

The list of names is generated from the pinned vLLM (`python -m fairlead_serving.engine_arguments`), so that a misspelt
or removed argument is refused before anything starts.
"""

import difflib
import json
from collections.abc import Mapping
from functools import cache
from importlib import resources

from pydantic import JsonValue

from fairlead_contract.errors import Mistake
from fairlead_contract.mistakes import several

_NO_CODE = "code cannot be added to the engine"
_NO_ADDRESS = "the platform chooses the address"

OWNED: Mapping[str, str] = {
    "model": "write spec.model.source",
    "tokenizer": "put the tokenizer beside the weights that spec.model.source names",
    "revision": "write it behind the source: hf://organisation/name@revision",
    "tokenizer-revision": "write it behind the source: hf://organisation/name@revision",
    "code-revision": "custom code is never run",
    "served-model-name": "write spec.model.name and spec.model.aliases",
    "tensor-parallel-size": "write spec.parallelism.tensor",
    "pipeline-parallel-size": "write spec.parallelism.pipeline",
    "distributed-executor-backend": "it follows from spec.parallelism",
    "data-parallel-size": "write spec.scaling.minReplicas",
    "runner": "write spec.model.task",
    "trust-remote-code": "code from a model repository is never run",
    "hf-token": "write spec.engine.env with a secretKeyRef for HF_TOKEN",
    "download-dir": "the platform keeps the weights",
    "load-format": "weights are read as safetensors only, since other formats can carry code",
    "disable-log-stats": "health and metrics follow the engine's statistics",
    "disable-fastapi-docs": "replicas serve no documentation",
    "enable-offline-docs": "replicas serve no documentation",
    "api-key": "the gateway checks who calls",
    "host": _NO_ADDRESS,
    "port": _NO_ADDRESS,
    "config": "write the arguments themselves",
    "middleware": _NO_CODE,
    "otlp-traces-endpoint": "the platform traces requests",
    "allowed-local-media-path": "replicas read no local files for clients",
    "enable-log-requests": "prompts and answers are never logged",
    "enable-log-outputs": "prompts and answers are never logged",
    "enable-log-deltas": "prompts and answers are never logged",
    "log-config-file": "the platform configures logging",
    "logging-config": "the platform configures logging",
    "trust-request-chat-template": "clients do not bring templates, which are code",
    "trust-request-mm-kwargs": "clients do not bring processor arguments",
    "logits-processors": _NO_CODE,
    "reasoning-parser-plugin": _NO_CODE,
    "tool-parser-plugin": _NO_CODE,
    "io-processor-plugin": _NO_CODE,
    "scheduler-cls": _NO_CODE,
    "model-class-overrides": _NO_CODE,
    "tool-server": "tools run at the client",
    "master-addr": _NO_ADDRESS,
    "master-port": _NO_ADDRESS,
    "nnodes": "write spec.parallelism.pipeline",
    "node-rank": _NO_ADDRESS,
    "headless": _NO_ADDRESS,
    "uds": _NO_ADDRESS,
    "grpc": _NO_ADDRESS,
    "grpc-port": _NO_ADDRESS,
    "root-path": _NO_ADDRESS,
    "api-server-count": "write spec.scaling.minReplicas",
    "shutdown-timeout": "the platform drains replicas",
    "help": "see vLLM's documentation of engine arguments",
}
"""Arguments that the platform sets itself, and where a manifest says the same."""

_OWNED_PREFIXES = (
    "ssl-",
    "uvicorn-",
    "data-parallel-",
    "dp-supervisor-",
    "allowed-origin",
    "allowed-method",
    "allowed-header",
    "worker-",
    "kv-transfer-",
    "kv-events-",
    "ec-transfer-",
    "weight-transfer-",
)


@cache
def known_arguments() -> frozenset[str]:
    """Return the names of all arguments that the pinned vLLM knows, in kebab-case."""
    data = resources.files("fairlead_contract").joinpath("data/vllm_arguments.json").read_text()
    return frozenset(json.loads(data)["arguments"])


def is_owned(name: str) -> bool:
    """Return whether the platform sets this argument itself."""
    return name in OWNED or name.startswith(_OWNED_PREFIXES)


def check_arguments(arguments: Mapping[str, JsonValue]) -> None:
    """Check the names of engine arguments.

    Raises:
        pydantic_core.PydanticCustomError: All mistakes, for pydantic to collect.
    """
    mistakes = [found for name in arguments if (found := _mistake_in(name))]
    if mistakes:
        raise several(mistakes)


def _mistake_in(name: str) -> Mistake | None:
    kebab = name.lstrip("-").replace("_", "-")
    positive = kebab.removeprefix("no-")
    if is_owned(positive):
        return Mistake(name, "is set by the platform", OWNED.get(positive, "remove it"))
    if positive not in known_arguments():
        near = difflib.get_close_matches(positive, known_arguments(), n=1)
        return Mistake(
            name,
            "is not an argument of vLLM",
            f"write {near[0]!r}" if near else "see vLLM's engine arguments",
        )
    if positive != kebab:
        return Mistake(name, "negates an argument", f"write {positive}: false")
    if name != kebab:
        return Mistake(name, "is not written as manifests write it", f"write {kebab!r}")
    return None
