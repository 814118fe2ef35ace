"""The whole platform against a bare vLLM server: `make bench`.

Both arms run at the same time with the same engine arguments and environment; rounds alternate between them (A B,
B A, ...), so that the machine's drift and the order meet both. An arm that has just been idle finds the processor's
caches full of the other one, which happens in no service, so each takes two uncounted waves before it is measured.
A row's ratio is the median over blocks of two rounds. While processors are short the gateway has several tokens share
an event; two levels show what it does without.
"""

import argparse
import asyncio
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import uvloop

from tests.bench import arms, load, report

RESULTS = Path("build/bench/platform.json")
TOKENS = 64
"""In an answer, on average."""


@dataclass(frozen=True, slots=True)
class Level:
    """One number of parallel streams, and how much is sent over them in a round."""

    streams: int
    requests: int
    throughput_bar: float | None = None
    ttft_bar: float | None = None
    alone: bool = False
    """Whether clients insist on an event of its own for each token."""

    @property
    def name(self) -> str:
        """What rows of this level end in."""
        return f"c={self.streams}" + (", each token alone" if self.alone else "")


LEVELS = (
    Level(streams=1, requests=24, ttft_bar=1.25),
    Level(streams=16, requests=192, throughput_bar=0.95, ttft_bar=1.25),
    Level(streams=64, requests=320, throughput_bar=0.95),
    Level(streams=16, requests=192, alone=True),
    Level(streams=64, requests=320, alone=True),
)


async def measure(ours: load.Target, peer: load.Target, level: Level, rounds: int) -> list[report.Row]:
    """Return the rows of one level."""
    samples: dict[load.Target, list[load.Sample]] = {ours: [], peer: []}
    for number in range(rounds):
        for target in (ours, peer) if number % 2 else (peer, ours):
            await send(target, level, 2 * level.streams)
            sample = await send(target, level, level.requests)
            if sample.failures:
                raise RuntimeError(f"{len(sample.failures)} streams failed, such as: {sample.failures[0]}")
            samples[target].append(sample)
            print(".", end="", flush=True)
    for name, target in (("Fairlead", ours), ("bare vLLM", peer)):
        closed = sum(sample.reconnections for sample in samples[target])
        if closed:
            print(f"\n{name} closed {closed} connections between requests ({level.name})")
    return _rows(level, samples[ours], samples[peer])


async def send(target: load.Target, level: Level, requests: int) -> load.Sample:
    """Send so many requests over a level's streams."""
    return await load.run(target, streams=level.streams, requests=requests, tokens=TOKENS, alone=level.alone)


def _rows(level: Level, ours: Sequence[load.Sample], peer: Sequence[load.Sample]) -> list[report.Row]:
    return [
        report.row(
            f"throughput {level.name}",
            [sample.tokens_per_second for sample in ours],
            [sample.tokens_per_second for sample in peer],
            unit="tokens/s",
            bar=level.throughput_bar,
            higher_is_better=True,
        ),
        report.row(
            f"ttft p50 {level.name}",
            [1000 * statistics.median(sample.ttft_s) for sample in ours],
            [1000 * statistics.median(sample.ttft_s) for sample in peer],
            unit="ms",
            bar=level.ttft_bar,
            higher_is_better=False,
        ),
    ]


async def compare(ours: load.Target, peer: load.Target, rounds: int) -> list[report.Row]:
    """Warm both arms up and return the rows of all levels."""
    for target in (ours, peer):
        await load.run(target, streams=16, requests=64, tokens=TOKENS)
    return [row for level in LEVELS for row in await measure(ours, peer, level, rounds)]


def main() -> None:
    """Measure, print the table and keep the rows."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=10, help="rounds of each arm and level, even (default 10)")
    rounds = options.parse_args().rounds
    if rounds < 2 or rounds % 2:
        options.error("--rounds must be even, and at least 2")
    with tempfile.TemporaryDirectory(prefix="flb") as folder:
        manifest = arms.bench_manifest(Path(folder))
        with (
            arms.bare_vllm(manifest, RESULTS.parent.absolute() / "bare-vllm.log") as peer,
            arms.platform(manifest, Path(folder) / "home") as ours,
            asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
        ):
            rows = runner.run(compare(ours, peer, rounds))
    print(f"\n{report.table(rows, peer='bare vLLM')}")
    report.write(rows, RESULTS)
    print(f"rows kept in {RESULTS}")


if __name__ == "__main__":
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    main()
