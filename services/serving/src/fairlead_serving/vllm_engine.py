"""One vLLM engine: the only module that imports vllm.

Everything of vLLM that Fairlead relies on is here: the parser of its command line, `AsyncLLM`, its HTTP application,
the statistics that it records each step, and its shutdown.
"""

import argparse
import logging
import time
from copy import copy
from types import SimpleNamespace
from typing import NoReturn, cast

import psutil
from ray import serve
from typing_extensions import override
from vllm.config import VllmConfig
from vllm.engine.arg_utils import AsyncEngineArgs
from vllm.entrypoints.launchers.api_server.app_state import init_app_state
from vllm.entrypoints.launchers.app import build_app
from vllm.entrypoints.launchers.cli_args import make_arg_parser, validate_parsed_serve_args
from vllm.utils.argparse_utils import FlexibleArgumentParser
from vllm.v1.engine.async_llm import AsyncLLM
from vllm.v1.metrics.loggers import StatLoggerBase
from vllm.v1.metrics.ray_wrappers import RayPrometheusStatLogger
from vllm.v1.metrics.stats import IterationStats, SchedulerStats

from fairlead_contract.errors import EngineStartFailed
from fairlead_contract.replica import ReplicaSpec
from fairlead_serving.access import ASGIApp
from fairlead_serving.engine_arguments import command_line, plain_name, refuse_unknown
from fairlead_serving.health import Reading
from fairlead_serving.heard import HeardHeader, measured
from fairlead_serving.processes import EngineProcesses
from fairlead_serving.startup import EngineFacts
from fairlead_serving.thinning import Thinning

SHUTDOWN_S = 5.0

logger = logging.getLogger(__name__)


class _Parser(FlexibleArgumentParser):  # type: ignore[misc]  # vllm ships no types
    """vLLM's parser, but a mistake is an exception instead of the end of the process."""

    @override
    def error(self, message: str) -> NoReturn:
        raise EngineStartFailed(f"spec.engine.arguments: {' '.join(message.split())}", param="spec.engine.arguments")


def known_arguments() -> frozenset[str]:
    """Return the names of all arguments that `vllm serve` takes, in kebab-case."""
    options = _parser()._option_string_actions  # noqa: SLF001 - argparse has no public list of its options
    return frozenset(plain_name(option) for option in options if option.startswith("--"))


def parse_arguments(spec: ReplicaSpec, model_folder: str, traces_endpoint: str | None = None) -> argparse.Namespace:
    """Return vLLM's parsed command line for a replica.

    Raises:
        EngineStartFailed: if an argument is unknown, owned by the platform or has a wrong value.
    """
    words = command_line(spec, model_folder, traces_endpoint)
    refuse_unknown(spec.engine_arguments.keys(), known_arguments())
    arguments: argparse.Namespace = _parser().parse_args(words)
    validate_parsed_serve_args(arguments)
    return arguments


class VllmEngine:
    """A started engine and its HTTP application.

    `start` blocks for as long as the model loads; call it in a thread. All else belongs on the event loop.
    """

    def __init__(self, client: AsyncLLM, arguments: argparse.Namespace, steps: "StepCounter", started_s: float) -> None:
        self._client = client
        self._arguments = arguments
        self._steps = steps
        self._processes = EngineProcesses()
        self._probes = 0
        self.facts = self._facts(started_s)

    @classmethod
    def start(cls, spec: ReplicaSpec, model_folder: str, traces_endpoint: str | None = None) -> "VllmEngine":
        """Load a model and return when it can answer.

        Raises:
            EngineStartFailed: if the specification's arguments are wrong.
            Exception: whatever vLLM raises; `diagnosis` tells what it means.
        """
        begun = time.monotonic()
        arguments = parse_arguments(spec, model_folder, traces_endpoint)
        config = AsyncEngineArgs.from_cli_args(arguments).create_engine_config()
        steps = StepCounter()
        client = AsyncLLM.from_vllm_config(config, stat_loggers=[ThinnedStatLogger, steps.logger])
        return cls(client, arguments, steps, time.monotonic() - begun)

    async def application(self) -> ASGIApp:
        """Return vLLM's own HTTP application on this engine."""
        tasks = await self._client.get_supported_tasks()
        application = build_app(self._arguments, tasks, self._client.model_config)
        # CORS, HTTP metrics, elastic scaling: each costs every streamed token a call, and the door has no use for them.
        application.user_middleware.clear()
        application.middleware_stack = None  # vLLM has built it already; the next request builds it anew
        # vLLM's error handlers ask their server to stop when the engine is dead; here the guard sees to that.
        application.state.server = SimpleNamespace(should_exit=False)
        await init_app_state(self._client, application.state, self._arguments, tasks)
        if "transcription" not in tasks:
            return cast(ASGIApp, application)
        for hearing in (application.state.openai_serving_transcription, application.state.openai_serving_translation):
            hearing._decode_and_chunk_speech_async = measured(hearing._decode_and_chunk_speech_async)  # noqa: SLF001 - it alone knows how long the sound is
        return HeardHeader(cast(ASGIApp, application))

    def reading(self) -> Reading:
        """Look at the engine; costs next to nothing."""
        return Reading(
            alive=not self._client.errored,
            pending=self._client.get_num_unfinished_requests() + self._probes,
            progress=self._steps.count,
        )

    def is_working(self) -> bool:
        """Tell whether its processes use processor time; costs a look at each of them."""
        return self._processes.are_working()

    async def probe(self) -> None:
        """Ask the engine's core for a sign of life; counts as pending until it is answered."""
        self._probes += 1
        try:
            await self._client.is_sleeping()
            self._steps.count += 1
        except Exception as error:  # noqa: BLE001 - whatever it is, the guard sees the engine's end by itself
            logger.warning("the engine's core did not answer a probe: %s", error)
        finally:
            self._probes -= 1

    def kill(self) -> None:
        """End all of its processes at once, stopped ones too."""
        self._processes.kill()

    def shutdown(self) -> None:
        """Shut the engine down in order, then make sure that no process of it is left."""
        self._processes.refresh()
        self._client.shutdown(timeout=SHUTDOWN_S)
        psutil.wait_procs(self._processes.kill(), timeout=SHUTDOWN_S)

    def _facts(self, started_s: float) -> EngineFacts:
        config = self._client.vllm_config
        tensor = config.parallel_config.tensor_parallel_size
        return EngineFacts(
            startup_s=started_s,
            kv_cache_tokens=config.cache_config.kv_cache_size_tokens or 0,
            max_model_len=config.model_config.max_model_len,
            ranks=tuple(self._processes.ranks(tensor)),
        )


class ThinnedStatLogger(RayPrometheusStatLogger):  # type: ignore[misc]  # vllm ships no types
    """vLLM's metrics through Ray, but with only a share of the gaps between tokens.

    Ray's agent replays every observation of a histogram one by one, in Python, which costs about as much per token
    as the whole gateway does. A fixed share of the gaps has the same mean and quantiles; all counters stay exact.
    """

    def __init__(self, vllm_config: VllmConfig, engine_indexes: list[int] | None = None) -> None:
        super().__init__(_named_after_application(vllm_config), engine_indexes)
        self._gaps = Thinning(keep_one_in=16)

    @override
    def record(
        self,
        scheduler_stats: SchedulerStats | None,
        iteration_stats: IterationStats | None,
        mm_cache_stats: object = None,
        engine_idx: int = 0,
    ) -> None:
        if iteration_stats is not None:
            iteration_stats = copy(iteration_stats)  # the other loggers read the same one
            iteration_stats.inter_token_latencies_iter = self._gaps.take(iteration_stats.inter_token_latencies_iter)
        super().record(scheduler_stats, iteration_stats, mm_cache_stats, engine_idx)


def _named_after_application(config: VllmConfig) -> VllmConfig:
    """Let the label `model_name` be the ModelDeployment's name, as in all other metrics, whatever clients call it."""
    named = copy(config)
    named.model_config = copy(config.model_config)
    named.model_config.served_model_name = serve.get_replica_context().app_name
    return named


class StepCounter:
    """Counts the engine's steps that moved something.

    vLLM records statistics after every step, also after those of a chunked prefill, which produce no token yet: then
    the share of the KV cache in use has changed. A step in which requests only wait for their grammar counts too: the
    core is alive and will take them up.
    """

    def __init__(self) -> None:
        self.count = 0
        self._last: tuple[int, int, float] | None = None

    def logger(self, *_: object) -> StatLoggerBase:
        """Return a statistics logger for one engine core; vLLM calls this as a factory."""
        return _StepLogger(self)

    def step(self, scheduler: SchedulerStats | None, iteration: IterationStats | None) -> None:
        """Take one step's statistics; either may be None."""
        if iteration is not None and (iteration.num_generation_tokens or iteration.num_prompt_tokens):
            self.count += 1
        elif scheduler is not None:
            self._compare(scheduler)

    def _compare(self, scheduler: SchedulerStats) -> None:
        seen = (scheduler.num_running_reqs, scheduler.num_waiting_reqs, scheduler.kv_cache_usage)
        is_deferred = bool(scheduler.num_skipped_waiting_reqs) and not scheduler.num_running_reqs
        if seen != self._last or is_deferred:
            self._last = seen
            self.count += 1


class _StepLogger(StatLoggerBase):  # type: ignore[misc]  # vllm ships no types
    def __init__(self, counter: StepCounter) -> None:
        self._counter = counter

    @override
    def record(
        self,
        scheduler_stats: SchedulerStats | None,
        iteration_stats: IterationStats | None,
        mm_cache_stats: object = None,
        engine_idx: int = 0,
    ) -> None:
        self._counter.step(scheduler_stats, iteration_stats)

    @override
    def log_engine_initialized(self) -> None:
        return


def _parser() -> _Parser:
    parser: _Parser = make_arg_parser(_Parser(description="a replica's engine"))
    return parser
