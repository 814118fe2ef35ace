"""From a replica's specification to vLLM's command line.

    python -m fairlead_serving.engine_arguments services/contract/src/fairlead_contract/data/vllm_arguments.json

writes down the names of all arguments of the installed vLLM, by which the contract checks manifests.
"""

import difflib
import json
import sys
from collections.abc import Collection, Mapping
from pathlib import Path

from pydantic import JsonValue

from fairlead_contract.engine_arguments import OWNED, is_owned
from fairlead_contract.errors import EngineStartFailed
from fairlead_contract.modeldeployment import Task
from fairlead_contract.replica import ReplicaSpec

_RUNNERS: Mapping[Task, Mapping[str, JsonValue]] = {
    "generate": {"runner": "generate"},
    "transcribe": {"runner": "generate"},
    "embed": {"runner": "pooling", "convert": "embed"},
    "score": {"runner": "pooling"},
}


def command_line(spec: ReplicaSpec, model_folder: str, traces_endpoint: str | None = None) -> list[str]:
    """Return vLLM's command line for a replica whose model lies in a folder and whose spans go to an address, if any.

    Raises:
        EngineStartFailed: if the specification sets an argument that the platform owns.
    """
    refuse_owned(spec.engine_arguments)
    owned: dict[str, JsonValue] = {
        "model": model_folder,
        "served-model-name": [spec.served_name],
        "tensor-parallel-size": spec.tensor,
        "pipeline-parallel-size": spec.pipeline,
        "distributed-executor-backend": spec.executor,
        "load-format": "safetensors",
        "enable-log-requests": False,
        "disable-uvicorn-access-log": True,
        "disable-fastapi-docs": True,
        "otlp-traces-endpoint": traces_endpoint,
    }
    arguments = dict(_RUNNERS[spec.task]) | spec.engine_arguments | owned
    return [word for name, value in arguments.items() for word in words(name, value)]


def refuse_owned(arguments: Mapping[str, JsonValue]) -> None:
    """Refuse arguments that the platform sets itself or that would run foreign code.

    Raises:
        EngineStartFailed: naming the first one and what to write instead.
    """
    for name in arguments:
        plain = plain_name(name)
        if is_owned(plain):
            remedy = OWNED.get(plain, "remove it")
            raise _refusal(name, f"is set by the platform: {remedy}")


def refuse_unknown(arguments: Collection[str], known: Collection[str]) -> None:
    """Refuse arguments that the installed vLLM does not have.

    Args:
        arguments: Names as in the manifest.
        known: All names that vLLM's parser takes, in kebab-case without leading dashes.

    Raises:
        EngineStartFailed: naming the first one and its nearest matches.
    """
    for name in arguments:
        plain = plain_name(name)
        if plain in known:
            continue
        near = difflib.get_close_matches(plain, known, n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else "see vLLM's engine arguments for its names"
        raise _refusal(name, f"is not an argument of this vLLM: {hint}")


def plain_name(name: str) -> str:
    """Return an argument's name as vLLM's parser lists it: kebab-case, without a negation or a nested key."""
    plain = name.strip("-").replace("_", "-").partition(".")[0]
    return plain.removeprefix("no-")


def _refusal(name: str, problem: str) -> EngineStartFailed:
    where = f"spec.engine.arguments.{name}"
    return EngineStartFailed(f"{where} {problem}", param=where)


def words(name: str, value: JsonValue) -> list[str]:
    """Return an argument as vLLM's command line has it; null is none at all."""
    match value:
        case None:
            return []
        case True:
            return [f"--{name}"]
        case False:
            return [f"--no-{name}"]
        case list():
            return [f"--{name}", *(_word(item) for item in value)]
        case _:
            return [f"--{name}={_word(value)}"]


def _word(value: JsonValue) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def main() -> None:
    """Write the names of all arguments of the installed vLLM into the file that the command line names."""
    from fairlead_serving.vllm_engine import known_arguments  # noqa: PLC0415 - it takes seconds

    Path(sys.argv[1]).write_text(json.dumps({"arguments": sorted(known_arguments())}, indent=1) + "\n")


if __name__ == "__main__":
    main()
