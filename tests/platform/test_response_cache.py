"""Deterministic questions are answered from the cache, for the same tenant only."""

import uuid
from typing import Any

import httpx2
import pytest

from tests.support.platform import DEMO_MODEL, Platform
from tests.support.sse import text_of

pytestmark = pytest.mark.platform

CACHE_HEADER = "x-fairlead-cache"

CHANGES: dict[str, Any] = {
    "max_tokens": 9,
    "top_p": 0.5,
    "top_k": 3,
    "min_p": 0.1,
    "seed": 7,
    "stop": ["x"],
    "presence_penalty": 0.5,
    "frequency_penalty": 0.5,
    "repetition_penalty": 1.1,
    "logit_bias": {"5": 1},
    "logprobs": True,
    "min_tokens": 2,
    "ignore_eos": True,
    "temperature": 0.5,
    "bad_words": ["ship"],
    "length_penalty": 1.5,
    "skip_special_tokens": False,
    "response_format": {"type": "json_object"},
}


def test_second_time_from_the_cache(platform: Platform) -> None:
    """The same greedy question is answered from the cache the second time, byte for byte the same answer."""
    question = unique_question()
    first, second = greedy(platform, question), greedy(platform, question)
    assert (is_hit(first), is_hit(second)) == (False, True)
    assert second.json()["choices"] == first.json()["choices"]
    assert second.json()["usage"] == first.json()["usage"]


def test_other_tenant(platform: Platform) -> None:
    """What one tenant asked is not in another's cache."""
    question, other = unique_question(), platform.tenant()
    greedy(platform, question)
    assert not is_hit(greedy(platform, question, token=other))
    assert is_hit(greedy(platform, question, token=other))


def test_stream_from_the_cache(platform: Platform) -> None:
    """A greedy stream is replayed with the same text."""
    question = unique_question()
    texts = []
    for _ in range(2):
        stream = platform.stream(question, temperature=0, max_tokens=8)
        stream.wait_for_end(within_s=30)
        assert stream.is_complete, stream.summary()
        texts.append(text_of(stream.received))
    assert texts[0] == texts[1]


@pytest.mark.parametrize("field", CHANGES)
def test_changed_field(platform: Platform, field: str) -> None:
    """A question that differs in one sampling field is not answered from the cache."""
    question = unique_question()
    greedy(platform, question)
    answer = greedy(platform, question, **{field: CHANGES[field]})
    assert answer.is_success, answer.text
    assert not is_hit(answer)


def test_random_answers_are_not_kept(platform: Platform) -> None:
    """A question that may be answered differently each time is never answered from the cache."""
    question = unique_question()
    assert not any(is_hit(greedy(platform, question, temperature=1)) for _ in range(3))


def test_cache_off(platform: Platform) -> None:
    """A client that asks for a fresh answer gets one."""
    question = unique_question()
    greedy(platform, question)
    headers = platform.headers() | {"cache-control": "no-cache"}
    fresh = httpx2.post(
        f"{platform.url}/v1/chat/completions",
        json={
            "model": DEMO_MODEL,
            "messages": [{"role": "user", "content": question}],
            "temperature": 0,
            "max_tokens": 8,
        },
        headers=headers,
        timeout=30,
    )
    assert fresh.is_success
    assert not is_hit(fresh)


def unique_question() -> str:
    return f"What is the number {uuid.uuid4()}?"


def greedy(platform: Platform, question: str, *, token: str | None = None, **fields: Any) -> httpx2.Response:
    return platform.chat(question, token=token, **({"temperature": 0, "max_tokens": 8} | fields))


def is_hit(answer: httpx2.Response) -> bool:
    """Return whether an answer is one that was there; until it is kept, who asks the same shares the first one's."""
    return answer.headers.get(CACHE_HEADER) in {"hit", "shared"}
