"""A dead or hung engine is told honestly, and replaced without anybody's help."""

import time

import httpx2
import openai
import psutil
import pytest

from tests.support.platform import DEMO_MODEL, Platform
from tests.support.processes import is_alive
from tests.support.sse import DONE, BackgroundStream
from tests.support.waiting import PATIENCE_S, eventually

pytestmark = pytest.mark.platform

STREAMS = 8
HONEST_WITHIN_S = 10.0
REPLACED_WITHIN_S = 120.0
OUT_OF_ROUTING_WITHIN_S = 15.0


@pytest.mark.timeout(1200)
def test_killed_engine(platform: Platform) -> None:
    """SIGKILL of the engine under load: streams end with an error and no [DONE], new requests get 5xx with Retry-After,
    and a replacement serves later ones by itself.
    """
    services, engine = platform.service_pids(), platform.engine_core("demo")
    streams = start_streams(platform)

    engine.kill()
    killed_at = time.monotonic()

    for stream in streams:
        stream.wait_for_end(within_s=HONEST_WITHIN_S + 5)
        assert_broken_honestly(stream)
        assert stream.ended_at is not None
        assert stream.ended_at - killed_at < HONEST_WITHIN_S
    refused = ask_until_answered(platform)
    assert refused, "no request came while there was no engine"
    for answer in refused:
        assert_refused_honestly(answer)
    assert platform.engine_core("demo").pid != engine.pid
    assert platform.service_pids() == services
    assert all(platform.completion_answers() for _ in range(10))


@pytest.mark.timeout(1200)
def test_client_rides_out_an_engine_death(platform: Platform) -> None:
    """OpenAI's client, told only to retry often enough, gets its answer from the replacement."""
    platform.engine_core("demo").kill()
    with openai.OpenAI(base_url=f"{platform.url}/v1", api_key=platform.token, max_retries=500) as client:
        answer = client.completions.create(model=DEMO_MODEL, prompt="The", max_tokens=3, temperature=1)
    assert answer.choices


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_stopped_engine(platform: Platform) -> None:
    """SIGSTOP of the engine core under load: it is out of routing in 15 s, its streams end with an error, a replacement
    answers within 120 s, and the stopped process is gone.
    """
    engine = platform.engine_core("demo")
    streams = start_streams(platform)

    engine.suspend()
    stopped_at = time.monotonic()

    for stream in streams:
        stream.wait_for_end(within_s=OUT_OF_ROUTING_WITHIN_S + 5)
        assert_broken_honestly(stream)
    first = platform.chat(max_tokens=1, temperature=1)
    assert time.monotonic() - stopped_at < OUT_OF_ROUTING_WITHIN_S
    assert_refused_honestly(first)
    ask_until_answered(platform)
    assert time.monotonic() - stopped_at < REPLACED_WITHIN_S
    assert_gone(engine)


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_idle_stopped_engine(platform: Platform) -> None:
    """An engine that is stopped while nobody asks it anything is found and replaced too."""
    engine = platform.engine_core("demo")
    engine.suspend()
    assert_gone(engine, within_s=40)
    ask_until_answered(platform)


def start_streams(platform: Platform) -> list[BackgroundStream]:
    """Start streams that go on for minutes, and wait until all of them have begun."""
    token = platform.tenant()
    streams = [
        platform.stream(f"Story {number}", token=token, max_tokens=50_000, ignore_eos=True, temperature=1)
        for number in range(STREAMS)
    ]
    for stream in streams:
        stream.wait_for_events(5, within_s=PATIENCE_S)
    return streams


def ask_until_answered(platform: Platform) -> list[httpx2.Response]:
    """Ask until an answer comes; return the refusals before it."""
    refusals: list[httpx2.Response] = []

    def ask() -> bool:
        started = time.monotonic()
        answer = platform.chat(max_tokens=1, temperature=1)
        if not answer.is_success:
            assert_soon(time.monotonic() - started)
            refusals.append(answer)
        return answer.is_success

    eventually(ask, within_s=PATIENCE_S, what="a replacement that answers", pause_s=0.5)
    return refusals


def assert_soon(waited_s: float) -> None:
    if waited_s > OUT_OF_ROUTING_WITHIN_S:
        pytest.fail(f"a refusal took {waited_s:.0f} s")


def assert_broken_honestly(stream: BackgroundStream) -> None:
    """The stream has begun, and its last event is an error; nothing says that it is complete."""
    assert stream.status == 200
    assert stream.errors, stream.summary()
    assert all(event.data != DONE for event in stream.received)
    assert "error" in stream.received[-1].json
    assert stream.failure is None


def assert_refused_honestly(answer: httpx2.Response) -> None:
    assert answer.status_code in {502, 503}, answer.text
    assert answer.json()["error"]["message"]
    assert int(answer.headers["retry-after"]) >= 1


def assert_gone(process: psutil.Process, *, within_s: float = 30) -> None:
    eventually(lambda: not is_alive(process), within_s=within_s, what=f"process {process.pid} is gone")
