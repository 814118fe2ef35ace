"""The gateway against its peers: `make bench-gateway`.

Every arm has the first core for itself; the load, the upstreams and Redis share the second. Rounds go through the arms
in turn, forwards and backwards, and each row's ratio is the median over blocks of two rounds. Ours has all policies on
(JWT, requests and tokens per minute in Redis, metrics); LiteLLM, in its Python mode and with its bridge to Rust on
Granian, has a key and no limits, the router has none of it.
"""

import argparse
import asyncio
import json
import os
import statistics
import tempfile
from collections.abc import Awaitable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import uvloop

from tests.bench import gateway_arms, report, request_load, upstreams
from tests.bench.gateway_arms import Arm, Upstreams
from tests.bench.pinned import MEASURED_CORE, OTHER_CORE, processor_s
from tests.bench.request_load import Door, Tally

RESULTS = Path("build/bench/gateway.json")
CLIENTS = 32
SECONDS = 4.0
ALONE_REQUESTS = 300
STREAMS = 20
MICRO = 1e6


def chat(**fields: object) -> bytes:
    """Return the body of a chat request."""
    messages = [{"role": "user", "content": "How are you today, my friend?"}]
    return json.dumps({"model": "demo", "messages": messages, "temperature": 0.7, "max_tokens": 64} | fields).encode()


PLAIN = chat()
STREAMED = chat(model="stream", stream=True)
CACHED = {"fairlead": chat(temperature=0), "litellm": chat(temperature=0, cache={"use-cache": True})}


@dataclass(slots=True)
class Figures:
    """What was measured of one arm, one value per round."""

    per_second: list[float] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)
    added_p50_us: list[float] = field(default_factory=list)
    added_p99_us: list[float] = field(default_factory=list)
    frame_cpu_us: list[float] = field(default_factory=list)
    cached_per_second: list[float] = field(default_factory=list)
    redis_cpu_us: list[float] = field(default_factory=list)


async def measure(arm: Arm, direct: Door, figures: Figures) -> None:
    """Take one round of everything from one arm."""
    await _checked(request_load.for_seconds(arm.answers, PLAIN, clients=CLIENTS, seconds=SECONDS / 4))
    before, redis_before = _used(arm), _redis_used(arm)
    tally = await _checked(request_load.for_seconds(arm.answers, PLAIN, clients=CLIENTS, seconds=SECONDS))
    figures.per_second.append(tally.answers / tally.elapsed_s)
    figures.cpu_us.append(MICRO * (_used(arm) - before) / tally.answers)
    figures.redis_cpu_us.append(MICRO * (_redis_used(arm) - redis_before) / tally.answers)
    await _measure_latency(arm, direct, figures)
    await _measure_frames(arm, figures)
    if arm.name in CACHED:
        tally = await _checked(
            request_load.for_seconds(arm.answers, CACHED[arm.name], clients=CLIENTS, seconds=SECONDS)
        )
        figures.cached_per_second.append(tally.answers / tally.elapsed_s)


async def _measure_latency(arm: Arm, direct: Door, figures: Figures) -> None:
    through, past = [
        sorted((await _checked(request_load.so_many(door, [PLAIN], clients=1, requests=ALONE_REQUESTS))).latency_s)
        for door in (arm.answers, direct)
    ]
    figures.added_p50_us.append(MICRO * (statistics.median(through) - statistics.median(past)))
    figures.added_p99_us.append(MICRO * (_p99(through) - _p99(past)))


async def _measure_frames(arm: Arm, figures: Figures) -> None:
    before = _used(arm)
    tally = await _checked(request_load.so_many(arm.streams, [STREAMED], clients=STREAMS, requests=STREAMS))
    figures.frame_cpu_us.append(MICRO * (_used(arm) - before) / tally.frames)


async def _checked(load: Awaitable[Tally]) -> Tally:
    tally = await load
    if tally.failures:
        raise RuntimeError(f"{len(tally.failures)} of {tally.answers} requests failed, such as: {tally.failures[0]}")
    return tally


def _used(arm: Arm) -> float:
    return sum(processor_s(process) for process in arm.processes)


def _redis_used(arm: Arm) -> float:
    return processor_s(arm.redis) if arm.redis is not None else 0.0


def _p99(ordered: Sequence[float]) -> float:
    return ordered[int(len(ordered) * 0.99)]


async def rounds(arms: Sequence[Arm], direct: Door, count: int) -> dict[str, Figures]:
    """Measure all arms in turn, so many times."""
    figures = {arm.name: Figures() for arm in arms}
    for number in range(count):
        for arm in arms if number % 2 else reversed(arms):
            await measure(arm, direct, figures[arm.name])
            print(".", end="", flush=True)
    return figures


def rows(ours: Figures, peers: dict[str, Figures]) -> list[report.Row]:
    """Return the rows of the table."""
    litellm, rust, router = peers["litellm"], peers["litellm-rust"], peers["vllm-router"]
    return [
        _more("requests per second vs litellm", ours.per_second, litellm.per_second, bar=60, unit="1/s"),
        _less("cpu per request vs litellm", ours.cpu_us, litellm.cpu_us, bar=1 / 60),
        _less("added p50 vs litellm", ours.added_p50_us, litellm.added_p50_us),
        _less("added p99 vs litellm", ours.added_p99_us, litellm.added_p99_us),
        _less("cpu per SSE frame vs litellm", ours.frame_cpu_us, litellm.frame_cpu_us, bar=1 / 50),
        _more("cached per second vs litellm", ours.cached_per_second, litellm.cached_per_second, bar=60, unit="1/s"),
        _more("requests per second vs litellm-rust", ours.per_second, rust.per_second, unit="1/s"),
        _less("cpu per request vs litellm-rust", ours.cpu_us, rust.cpu_us),
        _less("cpu per SSE frame vs litellm-rust", ours.frame_cpu_us, rust.frame_cpu_us),
        _more("requests per second vs vllm-router", ours.per_second, router.per_second, bar=1.0, unit="1/s"),
        _less("cpu per request vs vllm-router", ours.cpu_us, router.cpu_us, bar=1.0),
        _less("added p50 vs vllm-router", ours.added_p50_us, router.added_p50_us, bar=1.0),
        _less("added p99 vs vllm-router", ours.added_p99_us, router.added_p99_us),
        _less("cpu per SSE frame vs vllm-router", ours.frame_cpu_us, router.frame_cpu_us),
    ]


def _more(
    name: str, ours: Sequence[float], peer: Sequence[float], *, unit: str, bar: float | None = None
) -> report.Row:
    return report.row(name, ours, peer, unit=unit, bar=bar, higher_is_better=True)


def _less(name: str, ours: Sequence[float], peer: Sequence[float], *, bar: float | None = None) -> report.Row:
    return report.row(name, ours, peer, unit="us", bar=bar, higher_is_better=False)


def main() -> None:
    """Measure, print the table and keep the rows."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=4, help="rounds of each arm, even (default 4)")
    count = options.parse_args().rounds
    if not gateway_arms.is_available():
        raise SystemExit(f"this benchmark needs the cores {MEASURED_CORE} and {OTHER_CORE}")
    os.sched_setaffinity(0, {OTHER_CORE})
    with tempfile.TemporaryDirectory(prefix="flb") as name, ExitStack() as stack:
        folder = Path(name)
        ports = Upstreams(
            stack.enter_context(upstreams.answering(folder)), stack.enter_context(upstreams.streaming(folder))
        )
        arms = [
            stack.enter_context(arm(folder, ports))
            for arm in (
                gateway_arms.fairlead,
                gateway_arms.litellm,
                gateway_arms.litellm_rust,
                gateway_arms.vllm_router,
            )
        ]
        runner = stack.enter_context(asyncio.Runner(loop_factory=uvloop.new_event_loop))
        figures = runner.run(rounds(arms, Door(ports.answering), count))
    ours = figures.pop("fairlead")
    table = rows(ours, figures)
    print(f"\nlitellm {gateway_arms.version('litellm')}, vllm-router {gateway_arms.version('vllm-router')}")
    print(report.table(table, peer="peer"))
    print(f"beside ours, Redis used {statistics.median(ours.redis_cpu_us):.0f} us per request on the other core")
    report.write(table, RESULTS)
    print(f"rows kept in {RESULTS}")


if __name__ == "__main__":
    main()
