"""Can the time of a refusal tell something about an API key? `python -m tests.bench.key_timing`.

Two wrong keys at a time are sent in turn to one gateway. The figure is the area under the curve of a guess by time:
0.5 is chance, 1.0 is certainty. At most 0.55 is wanted, with 2,000 of each; a busy machine moves it either way.
"""

import asyncio
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from fairlead_contract.api_keys import KeyFile, mint
from tests.gateway.builders import PEPPER
from tests.gateway.support.gateway import running_gateway
from tests.gateway.support.upstream import running_upstream
from tests.gateway.support.wire import Wire, connected
from tests.support.valkey import valkey_on

SAMPLES = 2000
WARM_UP = 200


def area(lesser: Sequence[float], greater: Sequence[float]) -> float:
    """Return the probability that one of the second is greater than one of the first (Mann and Whitney's U)."""
    ranked = sorted([(value, 0) for value in lesser] + [(value, 1) for value in greater])
    ranks = sum(rank for rank, (_, group) in enumerate(ranked, 1) if group)
    count = len(greater)
    return (ranks - count * (count + 1) / 2) / (count * len(lesser))


async def refusal_s(wire: Wire, key: str) -> float:
    """Return the seconds that a refusal takes."""
    began = time.perf_counter()
    await wire.post("/v1/chat/completions", b"", token=key)
    answer = await wire.answer()
    if answer.status != 401:
        raise AssertionError(answer)
    return time.perf_counter() - began


async def compare(wire: Wire, one: str, other: str, samples: int) -> float:
    """Return how well time tells two keys apart, from 0.5 to 1."""
    times: dict[str, list[float]] = {one: [], other: []}
    for number in range(WARM_UP + samples):
        for key in random.sample((one, other), 2):
            seconds = await refusal_s(wire, key)
            if number >= WARM_UP:
                times[key].append(seconds)
    found = area(times[one], times[other])
    return max(found, 1 - found)


async def main(samples: int) -> None:
    """Print a line for each pair of keys."""
    key, record = mint(PEPPER, "acme", now=datetime.now(UTC))
    nobodys, _ = mint(PEPPER, "acme", now=datetime.now(UTC))
    first_wrong = key[:16] + ("B" if key[16] == "A" else "A") + key[17:]
    last_wrong = key[:-1] + ("E" if key[-1] == "A" else "A")
    pairs = {
        "a key whose id exists, and one whose id does not": (first_wrong, nobodys),
        "a secret that is wrong at its first, and at its last character": (first_wrong, last_wrong),
    }
    with tempfile.TemporaryDirectory(prefix="fl-") as name:
        folder, socket = Path(name), Path(name) / "valkey.sock"
        (folder / "keys").write_text(KeyFile(keys=(record,)).model_dump_json())
        with valkey_on(socket):
            async with (
                running_upstream() as upstream,
                running_gateway(folder, socket, upstream.port, api_keys_file=folder / "keys") as gateway,
                connected(gateway.port) as wire,
            ):
                for told, (one, other) in pairs.items():
                    print(f"{told}: {await compare(wire, one, other, samples):.3f}")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else SAMPLES))
