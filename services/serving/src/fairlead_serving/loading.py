"""From a specification to a running engine: environment, weights, start, facts."""

import asyncio
import os
from collections.abc import MutableMapping
from typing import TYPE_CHECKING

from fairlead_contract.errors import EngineStartFailed, FairleadError
from fairlead_contract.replica import ReplicaSpec, ReplicaTuning
from fairlead_serving.capture import OutputCapture
from fairlead_serving.diagnosis import explain
from fairlead_serving.health import Patience
from fairlead_serving.settings import ServingSettings
from fairlead_serving.sources import fetch
from fairlead_serving.startup import Phase, StartupReport

if TYPE_CHECKING:
    from fairlead_serving.vllm_engine import VllmEngine

ENGINE_ENVIRONMENT = {
    # Ray's threads run in this process: a forked engine could inherit a lock that is held for ever.
    "VLLM_WORKER_MULTIPROC_METHOD": "spawn",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
}

ENGINE_SERVICE = "fairlead-engine"
"""The name under which an engine's spans are found."""


async def load_engine(spec: ReplicaSpec, settings: ServingSettings, report: StartupReport) -> "VllmEngine":
    """Fetch the model and start its engine, off the event loop.

    Raises:
        EngineStartFailed: with the root cause in one line.
        DownloadFailed: if the weights did not arrive.
        SourceNeedsCluster: if the source does not work on one machine.
    """
    prepare_environment(spec, settings, os.environ)
    report.enter(Phase.DOWNLOADING)
    folder = await asyncio.to_thread(fetch, spec.source, settings.model_cache, report.downloaded)
    report.enter(Phase.LOADING)
    engine = await asyncio.to_thread(start_engine, spec, str(folder), settings.traces_endpoint)
    report.started(engine.facts)
    return engine


def start_engine(spec: ReplicaSpec, folder: str, traces_endpoint: str | None) -> "VllmEngine":
    """Start the engine and turn whatever goes wrong into one line.

    Raises:
        EngineStartFailed: with what failed and what to change.
    """
    with OutputCapture() as capture:
        try:
            # Imported here because it takes seconds and prints, and what it prints may explain a failure.
            from fairlead_serving.vllm_engine import VllmEngine  # noqa: PLC0415

            return VllmEngine.start(spec, folder, traces_endpoint)
        except FairleadError:
            raise
        except Exception as error:  # noqa: BLE001 - vLLM raises anything
            raise EngineStartFailed(explain(error, capture.settled_text())) from None


def prepare_environment(spec: ReplicaSpec, settings: ServingSettings, environment: MutableMapping[str, str]) -> None:
    """Set what the engine's processes inherit: its defaults and the values of its secrets.

    Raises:
        EngineStartFailed: if a secret is missing.
    """
    for name, value in ENGINE_ENVIRONMENT.items():
        environment.setdefault(name, value)
    if spec.executor != "ray":
        # The ranks of one node talk among themselves; by default they would listen on the machine's outward address.
        environment.setdefault("VLLM_HOST_IP", "127.0.0.1")
    if not spec.accelerator and spec.engine_arguments.get("enforce-eager"):
        # Even an eager vLLM compiles a few functions on first use, such as the one for logprobs. On a CPU that takes a
        # C++ compiler and 17 s in which nobody is served; without a compiler it kills the engine.
        environment.setdefault("TORCHDYNAMO_DISABLE", "1")
    if settings.traces_endpoint is not None:
        # What its spans have in common; nothing else of this process makes any.
        about = f"fairlead.model={spec.name}"
        given = environment.get("OTEL_RESOURCE_ATTRIBUTES")
        environment["OTEL_RESOURCE_ATTRIBUTES"] = f"{given},{about}" if given else about
        environment.setdefault("OTEL_SERVICE_NAME", ENGINE_SERVICE)
    for name, secret in spec.secret_env.items():
        if name not in environment:
            environment[name] = _secret(name, secret, settings)


def patience(spec: ReplicaSpec, tuning: ReplicaTuning) -> Patience:
    """Return how long a step may take: on a GPU, processor time alone is weak evidence of work."""
    working_s = max(30.0, 3 * tuning.stall_after_s) if spec.accelerator else 300.0
    return Patience(stall_after_s=tuning.stall_after_s, working_stall_after_s=working_s)


def _secret(variable: str, secret: str, settings: ServingSettings) -> str:
    if settings.secrets_folder is None:
        raise EngineStartFailed(f"spec.engine.env {variable} needs the secret {secret}, but there are no secrets")
    try:
        return (settings.secrets_folder / secret).read_text().strip()
    except OSError as error:
        raise EngineStartFailed(
            f"spec.engine.env {variable}: the secret {secret} cannot be read ({error.strerror}); create it first"
        ) from None
