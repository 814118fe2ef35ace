"""Limits hold per tenant."""

import httpx2
import pytest

from tests.support.platform import Platform
from tests.support.waiting import eventually

pytestmark = pytest.mark.platform


def test_request_limit(platform: Platform) -> None:
    """A tenant at its request limit gets 429 with Retry-After while another tenant is served."""
    limited, other = platform.tenant(requestsPerMinute=3), platform.tenant(requestsPerMinute=3)

    answers = [platform.chat(token=limited, max_tokens=3, temperature=1) for _ in range(5)]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert_rate_limited(answers[3])
    assert answers[3].headers["x-ratelimit-limit-requests"] == "3"
    assert answers[3].headers["x-ratelimit-remaining-requests"] == "0"
    assert platform.chat(token=other, max_tokens=3, temperature=1).is_success


def test_token_limit_counts_hidden_usage(platform: Platform) -> None:
    """Streamed tokens count against a token limit although the client asked for no usage and sees none."""
    token = platform.tenant(tokensPerMinute=300)

    stream = platform.stream(token=token, max_tokens=200, ignore_eos=True, temperature=1)
    stream.wait_for_end(within_s=60)
    refused = platform.chat(token=token, max_tokens=200, temperature=1)

    assert stream.is_complete, stream.summary()
    assert not any(event.data != "[DONE]" and event.json.get("usage") for event in stream.received)
    assert_rate_limited(refused)
    assert refused.headers["x-ratelimit-limit-tokens"] == "300"
    assert int(refused.headers["x-ratelimit-remaining-tokens"]) <= 100


def test_unused_tokens_are_given_back(platform: Platform) -> None:
    """What a request reserved and did not generate may be used by the next."""
    token = platform.tenant(tokensPerMinute=1000)
    answers = [platform.chat(token=token, max_tokens=900, stop=[" "], temperature=1) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 200]


def test_changed_limit(platform: Platform) -> None:
    """A limit that is raised in the tenants file holds within seconds, without a restart."""
    token = platform.tenant(requestsPerMinute=1)
    assert platform.chat(token=token, max_tokens=1, temperature=1).is_success
    assert platform.chat(token=token, max_tokens=1, temperature=1).status_code == 429

    file = platform.home / "tenants.yaml"
    file.write_text(file.read_text().replace("requestsPerMinute: 1\n", "requestsPerMinute: 100\n"))

    eventually(
        lambda: platform.chat(token=token, max_tokens=1, temperature=1).is_success, within_s=5, what="the new limit"
    )


def assert_rate_limited(answer: httpx2.Response) -> None:
    assert answer.status_code == 429, answer.text
    assert answer.json()["error"]["code"] == "rate_limit_exceeded"
    assert 1 <= int(answer.headers["retry-after"]) <= 61
