"""Many streams through one gateway for minutes: `make bench-streams`.

The gateway has the first core for itself, with all policies on; the upstream, the load and Redis share the second. The
same streams straight from the upstream tell what of the gaps is the load's own.
"""

import argparse
import asyncio
import json
import os
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

import uvloop

from fairlead_gateway.limit_store import RESTORE_S
from tests.bench import gateway_arms, stream_load, upstreams
from tests.bench.gateway import STREAMED
from tests.bench.gateway_arms import Upstreams
from tests.bench.pinned import MEASURED_CORE, OTHER_CORE, processor_s
from tests.bench.request_load import Door
from tests.bench.stream_load import Streams

RESULTS = Path("build/bench/streams.json")
FRAMES_PER_SECOND = 10
GAP_BAR_S = 0.15
LOOK_EVERY_S = 5.0
MEBIBYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class Figures:
    """What came of one run; times in milliseconds, memory in MiB."""

    streams: int
    seconds: int
    frames: int
    broken: int
    gap_p50_ms: float
    gap_p99_ms: float
    gap_longest_ms: float
    direct_gap_p99_ms: float
    cpu_us_per_frame: float
    memory_mib: list[float]


async def measure(arm: gateway_arms.Arm, direct: Door, *, streams: int, seconds: int) -> Figures:
    """Read the streams through the gateway, then straight from the upstream."""
    (process,) = arm.processes
    await asyncio.sleep(RESTORE_S + 1)  # a Redis that is empty might have been emptied: quotas are closed for so long
    before = processor_s(process)
    memory: list[float] = []
    watching = asyncio.create_task(_watch(lambda: memory.append(process.memory_info().rss / MEBIBYTE)))
    seen = await _read(arm.streams, streams)
    watching.cancel()
    used_s = processor_s(process) - before
    bare = await _read(direct, streams)
    if seen.broken:
        print(f"{len(seen.broken)} streams broke, such as: {seen.broken[0]}")
    return Figures(
        streams=streams,
        seconds=seconds,
        frames=seen.frames,
        broken=len(seen.broken),
        gap_p50_ms=1e3 * seen.gap_s(0.5),
        gap_p99_ms=1e3 * seen.gap_s(0.99),
        gap_longest_ms=1e3 * seen.gap_s(1.0),
        direct_gap_p99_ms=1e3 * bare.gap_s(0.99),
        cpu_us_per_frame=1e6 * used_s / seen.frames,
        memory_mib=memory,
    )


async def _read(door: Door, streams: int) -> Streams:
    return await stream_load.side_by_side(door, STREAMED, streams=streams, begin_within_s=5.0)


async def _watch(look: Callable[[], None]) -> None:
    while True:
        look()
        print(".", end="", flush=True)
        await asyncio.sleep(LOOK_EVERY_S)


def table(figures: Figures) -> str:
    """Return the figures as text."""
    held = "held" if figures.gap_p99_ms <= 1e3 * GAP_BAR_S and not figures.broken else "MISSED"
    first, last = figures.memory_mib[len(figures.memory_mib) // 4], figures.memory_mib[-1]
    return "\n".join(
        [
            f"{figures.streams} streams of {FRAMES_PER_SECOND} frames a second for {figures.seconds} s: {held}",
            f"  broken             {figures.broken}",
            f"  frames             {figures.frames}",
            f"  gap p50            {figures.gap_p50_ms:.1f} ms",
            f"  gap p99            {figures.gap_p99_ms:.1f} ms (bar {1e3 * GAP_BAR_S:.0f})",
            f"  gap p99, upstream  {figures.direct_gap_p99_ms:.1f} ms",
            f"  longest gap        {figures.gap_longest_ms:.1f} ms",
            f"  CPU of the gateway {figures.cpu_us_per_frame:.1f} us per frame",
            f"  memory             {first:.1f} MiB after a quarter, {last:.1f} at the end",
        ]
    )


def main() -> None:
    """Measure, print and keep the figures."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--streams", type=int, default=500)
    options.add_argument("--seconds", type=int, default=120)
    given = options.parse_args()
    if not gateway_arms.is_available():
        raise SystemExit(f"this benchmark needs the cores {MEASURED_CORE} and {OTHER_CORE}")
    os.sched_setaffinity(0, {OTHER_CORE})
    with tempfile.TemporaryDirectory(prefix="flb") as name, ExitStack() as stack:
        folder, frames = Path(name), given.seconds * FRAMES_PER_SECOND
        port = stack.enter_context(upstreams.streaming(folder, frames=frames, pace_s=1 / FRAMES_PER_SECOND))
        arm = stack.enter_context(gateway_arms.fairlead(folder, Upstreams(port, port)))
        runner = stack.enter_context(asyncio.Runner(loop_factory=uvloop.new_event_loop))
        figures = runner.run(measure(arm, Door(port), streams=given.streams, seconds=given.seconds))
    print("\n" + table(figures))
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(asdict(figures), indent=2) + "\n")
    print(f"figures kept in {RESULTS}")


if __name__ == "__main__":
    main()
