"""The gateway and the engine count the same tokens, and an abandoned answer is not generated any further."""

import itertools
from dataclasses import dataclass

import httpx2
import pytest

from fairlead_contract.telemetry import GATEWAY_INPUT_TOKENS, GATEWAY_OUTPUT_TOKENS
from tests.support.platform import DEMO_MODEL, Platform, chat_body
from tests.support.sse import events
from tests.support.waiting import eventually

pytestmark = pytest.mark.platform

ENGINE_PROMPT = "ray_vllm_prompt_tokens_total"
ENGINE_GENERATION = "ray_vllm_generation_tokens_total"
ENGINE_RUNNING = "ray_vllm_num_requests_running"


@dataclass(frozen=True)
class Counted:
    """Tokens counted so far."""

    prompt: float
    answer: float

    def __sub__(self, other: "Counted") -> "Counted":
        return Counted(self.prompt - other.prompt, self.answer - other.answer)


def test_counts_agree(platform: Platform) -> None:
    """Over streamed and whole requests of all dialects, the gateway's token counters equal the engine's own."""
    gateway, engine = counted_by_gateway(platform), settled_engine_count(platform)

    answers = [platform.chat(f"Question {number}", max_tokens=20, temperature=1) for number in range(4)]
    streams = [platform.stream("Tell me more", max_tokens=100, ignore_eos=True, temperature=1) for _ in range(4)]
    with_usage = platform.stream("And more", max_tokens=30, temperature=1, stream_options={"include_usage": True})
    for stream in (*streams, with_usage):
        stream.wait_for_end(within_s=60)
        assert stream.is_complete, stream.summary()
    answers += [
        platform.post("/v1/completions", {"model": DEMO_MODEL, "prompt": ["A", "B"], "max_tokens": 7}),
        platform.post("/v1/responses", {"model": DEMO_MODEL, "input": "Hello", "max_output_tokens": 9}),
        platform.post(
            "/v1/messages",
            {"model": DEMO_MODEL, "max_tokens": 11, "messages": [{"role": "user", "content": "Hello"}]},
        ),
    ]
    assert all(answer.is_success for answer in answers), [answer.text for answer in answers]

    counted = eventually(
        lambda: agreed(counted_by_gateway(platform) - gateway, counted_by_engine(platform) - engine),
        within_s=20,
        what="gateway and engine count the same",
    )
    assert counted.answer >= 4 * 100


def test_abandoned_stream(platform: Platform) -> None:
    """A stream that its client leaves is generated for less than a second longer."""
    before = settled_engine_count(platform)
    body = chat_body(
        "Talk without end", stream=True, ignore_eos=True, max_tokens=60000, temperature=1, stream_interval=1
    )
    with httpx2.stream(
        "POST", f"{platform.url}/v1/chat/completions", json=body, headers=platform.headers(), timeout=30
    ) as answer:
        received = list(itertools.islice(events(answer.iter_lines()), 300))
    per_second = len(received) / (received[-1].at - received[0].at)

    generated = settled_engine_count(platform).answer - before.answer

    assert generated < len(received) + 1.0 * per_second
    assert platform.engine_metrics().total(ENGINE_RUNNING) == 0


def agreed(told: Counted, counted: Counted) -> Counted:
    """Return what both count; each counts a request a moment after its client has the answer."""
    assert told == counted
    return counted


def counted_by_gateway(platform: Platform) -> Counted:
    page = platform.gateway_metrics()
    return Counted(page.total(GATEWAY_INPUT_TOKENS), page.total(GATEWAY_OUTPUT_TOKENS))


def counted_by_engine(platform: Platform) -> Counted:
    page = platform.engine_metrics()
    return Counted(page.total(ENGINE_PROMPT), page.total(ENGINE_GENERATION))


def settled_engine_count(platform: Platform) -> Counted:
    """Return the engine's count once nothing runs and what it exports no longer changes."""
    seen: list[Counted] = []

    def stands_still() -> bool:
        seen.append(counted_by_engine(platform))
        return len(seen) > 6 and len(set(seen[-6:])) == 1

    eventually(stands_still, within_s=30, what="the engine's counters stand still", pause_s=1)
    return seen[-1]
