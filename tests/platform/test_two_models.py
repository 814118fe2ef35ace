"""Models live side by side: what happens to one leaves the other's streams alone."""

import contextlib
from collections.abc import Iterator

import pytest

from tests.support.manifests import manifest
from tests.support.platform import Platform
from tests.support.processes import is_alive
from tests.support.sse import BackgroundStream
from tests.support.waiting import eventually

pytestmark = pytest.mark.platform

MOST_TOKENS = 65_000
"""What the demo model's maximum length leaves after a short question."""

LONGEST_PAUSE_S = 10.0
"""A stream on two cores pauses while another engine starts beside it; a cut or a restart would last longer."""


@pytest.fixture
def endless(platform: Platform) -> str:
    """A token of a tenant without limits."""
    return platform.tenant()


@pytest.mark.timeout(600)
def test_tensor_parallel_beside_a_stream(platform: Platform, endless: str) -> None:
    """A model on two ranks is applied, answers and is deleted while a stream on the other model goes on undisturbed."""
    engine = platform.engine_core("demo")
    stream = long_stream(platform, endless, for_s=45)

    with applied(platform, manifest("pair", parallelism={"tensor": 2})):
        first = platform.post("/v1/completions", {"model": "pair", "prompt": "The", "max_tokens": 1, "temperature": 1})
        assert first.status_code == 200, first.text
        assert platform.completion_answers()
        row = platform.model("pair")
        ranks = platform.ranks("pair")
        assert (row["phase"], row["tensor"]) == ("Ready", 2)
        assert [rank for rank, _ in row["ranks"]] == [0, 1]
        assert len({process.pid for process in ranks}) == 2
        assert all(is_alive(process) for process in ranks)
        assert len(stream.received) > 500
    eventually(lambda: not any(map(is_alive, ranks)), within_s=30, what="the deleted model's ranks are gone")
    assert platform.post("/v1/completions", {"model": "pair", "prompt": "x"}).status_code == 404

    stream.wait_for_end(within_s=300)
    assert stream.is_complete, stream.summary()
    assert stream.longest_pause_s < LONGEST_PAUSE_S
    assert platform.engine_core("demo").pid == engine.pid


@pytest.mark.long
@pytest.mark.timeout(900)
def test_apply_change_and_delete_beside_a_long_stream(platform: Platform, endless: str) -> None:
    """Another model is applied, changed and deleted during a stream of at least 150 s, which ends complete."""
    stream = long_stream(platform, endless, for_s=220)

    with applied(platform, manifest("pair", parallelism={"tensor": 2})):
        ranks = platform.ranks("pair")
        platform.apply(manifest("pair", arguments={"max-num-seqs": 4}))
        assert platform.completion_answers("pair")
        assert platform.model("pair")["tensor"] == 1
        eventually(lambda: not any(map(is_alive, ranks)), within_s=60, what="the two ranks are gone")
    assert not stream.has_ended, "the stream was too short to tell"

    stream.wait_for_end(within_s=600)
    assert stream.is_complete, stream.summary()
    assert stream.received[-1].at - stream.received[0].at >= 150
    assert stream.longest_pause_s < LONGEST_PAUSE_S


def long_stream(platform: Platform, token: str, *, for_s: float) -> BackgroundStream:
    """Start a stream of as many tokens as this machine says in about so many seconds, and wait for its first ones."""
    trial = endless_stream(platform, token, tokens=300)
    trial.wait_for_end(within_s=60)
    per_second = len(trial.received) / (trial.received[-1].at - trial.received[0].at)
    stream = endless_stream(platform, token, tokens=min(MOST_TOKENS, int(for_s * per_second)))
    stream.wait_for_events(20, within_s=30)
    return stream


def endless_stream(platform: Platform, token: str, *, tokens: int) -> BackgroundStream:
    """Start a stream that says exactly so many tokens."""
    return platform.stream("Go on and on", token=token, max_tokens=tokens, ignore_eos=True, temperature=1)


@contextlib.contextmanager
def applied(platform: Platform, text: str) -> Iterator[None]:
    """Apply a manifest and delete its model in the end."""
    platform.apply(text)
    try:
        yield
    finally:
        platform.delete("pair")
