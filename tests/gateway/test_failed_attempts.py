"""Failed authentications: how many an address has, whose address it is, and who never notices."""

from collections.abc import AsyncIterator
from ipaddress import ip_network
from pathlib import Path

import pytest
from redis.asyncio import Redis

from fairlead_contract.errors import TooManyFailedAttempts, Unauthenticated
from fairlead_gateway.client_address import client_address
from fairlead_gateway.failed_attempts import FailedAttempts
from fairlead_gateway.settings import GatewaySettings
from tests.gateway.support.gateway import Gateway, chat, fresh_token, running_gateway
from tests.gateway.support.upstream import Upstream
from tests.gateway.support.wire import Answer

REFUSAL = Unauthenticated("no")
CHAT_PATH = "/v1/chat/completions"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def told(attempts: FailedAttempts, peer: str = "192.0.2.1") -> float | None:
    """Fail once; return for how many seconds further failures are refused, or None where this one was not."""
    error = attempts.count(REFUSAL, peer, [])
    return error.retry_after_s if isinstance(error, TooManyFailedAttempts) else None


def test_one_failure_too_many_waits_until_the_first_is_a_minute_old() -> None:
    """The bound is on any 60 s, and its refusals say exactly how much of them is left."""
    clock = Clock()
    attempts = FailedAttempts(3, clock=clock)
    for clock.now in (0.0, 10.0, 20.0):
        assert told(attempts) is None
    clock.now = 30.0
    assert told(attempts) == 30.0
    clock.now = 59.0
    assert told(attempts) == 1.0
    clock.now = 60.0
    assert told(attempts) is None
    assert told(attempts) == 10.0


def test_addresses_fail_apart() -> None:
    """What one address did is no other's fault."""
    attempts = FailedAttempts(1, clock=Clock())
    assert [told(attempts, peer) for peer in ("192.0.2.1", "192.0.2.2", "192.0.2.1")] == [None, None, 60.0]


def test_the_addresses_of_one_ipv6_customer_fail_together() -> None:
    """Who has 2^64 addresses has no more attempts for it."""
    attempts = FailedAttempts(1, clock=Clock())
    assert [told(attempts, peer) for peer in ("2001:db8::1", "2001:db8::ffff:2", "2001:db8:0:1::1")] == [
        None,
        60.0,
        None,
    ]


def test_no_more_addresses_are_remembered_than_allowed() -> None:
    """Whoever has been quiet for longest is forgotten first."""
    attempts = FailedAttempts(1, clock=Clock(), max_addresses=2)
    assert [told(attempts, f"192.0.2.{last}") for last in (1, 2, 1, 3, 1, 2)] == [None, None, 60.0, None, 60.0, None]


def test_zero_bounds_nothing() -> None:
    """An operator may leave this to something before the gateway."""
    attempts = FailedAttempts(0, clock=Clock())
    assert [told(attempts) for _ in range(100)] == [None] * 100


def test_every_failure_is_told() -> None:
    """The metric learns of each failure, and which were too many."""
    seen: list[bool] = []
    attempts = FailedAttempts(1, clock=Clock(), on_failure=seen.append)
    for _ in range(3):
        told(attempts)
    assert seen == [False, True, True]


def test_a_proxy_that_nobody_trusts_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """Whose address somebody tells who is not trusted is counted each time, and said in the log the first time."""
    seen: list[None] = []
    attempts = FailedAttempts(1, trusted=[ip_network("10.0.0.0/8")], on_stranger=lambda: seen.append(None))
    forwarded = [(b"x-forwarded-for", b"198.51.100.9")]
    attempts.count(REFUSAL, "10.0.0.1", forwarded)
    attempts.count(REFUSAL, "192.0.2.1", [])
    assert (seen, caplog.messages) == ([], [])
    for peer in ("192.0.2.7", "192.0.2.8"):
        attempts.count(REFUSAL, peer, forwarded)
    assert len(seen) == 2
    (line,) = caplog.messages
    assert "192.0.2.7" in line
    assert "FAIRLEAD_GATEWAY_TRUSTED_PROXIES" in line


PROXIES = [ip_network("10.0.0.0/8"), ip_network("fd00::/8")]
WHOSE: dict[str, tuple[str, list[str], str]] = {
    "a client that speaks for itself": ("192.0.2.1", [], "192.0.2.1"),
    "a client that pretends to be somebody": ("192.0.2.1", ["198.51.100.9"], "192.0.2.1"),
    "a client behind a proxy": ("10.0.0.1", ["198.51.100.9"], "198.51.100.9"),
    "a client that pretends, behind a proxy": ("10.0.0.1", ["203.0.113.1, 198.51.100.9"], "198.51.100.9"),
    "a client that pretends in a header of its own": ("10.0.0.1", ["203.0.113.1", "198.51.100.9"], "198.51.100.9"),
    "a client behind two proxies": ("10.0.0.1", ["198.51.100.9, 10.0.0.2"], "198.51.100.9"),
    "a client that pretends to be a proxy": ("10.0.0.1", ["10.9.9.9, 198.51.100.9"], "198.51.100.9"),
    "somebody within the proxies' network": ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
    "a proxy that says nothing": ("10.0.0.1", [], "10.0.0.1"),
    "a proxy that says nonsense": ("10.0.0.1", ["unknown"], "10.0.0.1"),
    "nonsense that a client wrote": ("10.0.0.1", ["' OR 1=1 --, 198.51.100.9"], "198.51.100.9"),
    "nonsense before a proxy": ("10.0.0.1", ["_hidden, 10.0.0.2"], "10.0.0.2"),
    "an IPv4 address as IPv6": ("::ffff:10.0.0.1", ["::ffff:198.51.100.9"], "198.51.100.9"),
    "an IPv6 client": ("fd00::1", ["2001:db8::5"], "2001:db8::/64"),
    "a Unix socket": ("local", ["198.51.100.9"], "local"),
}


@pytest.mark.parametrize("peer, told, expected", WHOSE.values(), ids=WHOSE.keys())
def test_whose_attempt_it_is(peer: str, told: list[str], expected: str) -> None:
    """`X-Forwarded-For` counts from the right, as far as trusted proxies wrote it."""
    headers = [(b"x-forwarded-for", value.encode()) for value in told]
    assert client_address(peer, headers, PROXIES) == expected


async def fail(gateway: Gateway, *, asked: str = f"POST {CHAT_PATH}", forwarded_for: str = "") -> Answer:
    """Send a request with a wrong token."""
    forwarded = f"X-Forwarded-For: {forwarded_for}\r\n" if forwarded_for else ""
    async with gateway.wire() as wire:
        await wire.send(
            f"{asked} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer wrong\r\n{forwarded}\r\n".encode()
        )
        return await wire.answer()


@pytest.fixture
async def bounded(tmp_path: Path, valkey: Path, redis: Redis, upstream: Upstream) -> AsyncIterator[Gateway]:
    """A gateway with the bound that it has by default."""
    bound = GatewaySettings.model_fields["failed_attempts_per_minute"].default
    async with running_gateway(tmp_path, valkey, upstream.port, failed_attempts_per_minute=bound) as gateway:
        yield gateway


async def test_valid_users_do_not_notice_who_fails_beside_them(bounded: Gateway, upstream: Upstream) -> None:
    """The 21st failure within a minute is a 429 on every route, while valid credentials from there go on."""
    assert [(await fail(bounded)).status for _ in range(20)] == [401] * 20
    for asked in (f"POST {CHAT_PATH}", "GET /v1/usage"):
        answer = await fail(bounded, asked=asked, forwarded_for="198.51.100.9")
        assert (answer.status, answer.json["error"]["code"]) == (429, "too_many_failed_attempts")
        assert 1 <= int(answer.headers["retry-after"]) <= 60
        assert answer.headers["x-should-retry"] == "false"
    assert (await bounded.ask(CHAT_PATH, chat())).status == 200
    assert len(upstream.seen) == 1
    metrics = bounded.runtime.metrics.render()
    assert b'fairlead_authentication_failures_total{result="refused"} 20.0' in metrics
    assert b'fairlead_authentication_failures_total{result="limited"} 2.0' in metrics
    assert fresh_token().encode() not in metrics


async def test_clients_behind_a_trusted_proxy_fail_apart(
    tmp_path: Path, valkey: Path, redis: Redis, upstream: Upstream
) -> None:
    """Behind a proxy that the operator trusts, each client has attempts of its own."""
    settings = {"failed_attempts_per_minute": 1, "trusted_proxies": "127.0.0.0/8, ::1/128"}
    async with running_gateway(tmp_path, valkey, upstream.port, **settings) as gateway:
        statuses = [(await fail(gateway, forwarded_for=f"192.0.2.{last}")).status for last in (1, 2, 1)]
        assert statuses == [401, 401, 429]
