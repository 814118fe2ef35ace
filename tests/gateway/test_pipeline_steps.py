"""The order of the steps, without sockets: what each one may count on, and what happens when one fails."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from fairlead_contract.errors import RateLimited, Unavailable
from fairlead_contract.routing import Route
from fairlead_gateway.body_budget import BodyBudget
from fairlead_gateway.cache import Asked, CachedAnswer
from fairlead_gateway.endpoints import ENDPOINTS
from fairlead_gateway.flights import Flights
from fairlead_gateway.http_head import parse_head
from fairlead_gateway.limits import Outcome, Reservation
from fairlead_gateway.metrics import GatewayMetrics
from fairlead_gateway.observer import Observer
from fairlead_gateway.pace import Pace
from fairlead_gateway.pipeline import Pipeline, Services
from fairlead_gateway.record import Record
from fairlead_gateway.request import Body, Request
from fairlead_gateway.resilience import Resilience
from fairlead_gateway.tenant_salt import TenantSalts
from fairlead_gateway.usage import Usage
from tests.gateway.builders import authenticator, catalog, route, token
from tests.gateway.support.frames import CHAT, CHAT_STREAM, CHAT_VISIBLE
from tests.gateway.support.gateway import chat
from tests.gateway.support.replies import Collector, collected

PATH = "/v1/chat/completions"


@dataclass
class Surroundings:
    """Limiter, cache and sender in one: notes what is asked of it, and answers as told."""

    asked: list[str] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    settled: list[tuple[Usage | None, Outcome]] = field(default_factory=list)
    kept: dict[str, CachedAnswer] = field(default_factory=dict)
    refuses: Exception | None = None
    fails: Exception | None = None
    flights: Flights = field(default_factory=Flights)
    stream: tuple[bytes, ...] = (CHAT_STREAM,)
    look_up: Asked = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def plan(self, *_: object) -> Reservation:
        return Reservation(prompt_tokens=9)

    async def reserve(self, planned: Reservation) -> Reservation:
        self.asked.append("reserve")
        if self.refuses is not None:
            raise self.refuses
        return planned

    async def settle(self, _: Reservation, usage: Usage | None, outcome: Outcome) -> None:
        self.asked.append("settle")
        self.settled.append((usage, outcome))

    def key(self, *_: object, **__: object) -> str:
        return "key"

    def ask(self, _: str) -> Asked:
        self.asked.append("ask")
        return self.look_up

    async def get(self, key: str, _: object, asked: Asked) -> CachedAnswer | None:
        assert asked is self.look_up
        return self.kept.get(key)

    async def put(self, key: str, _: object, __: Route, answer: CachedAnswer) -> None:
        self.asked.append("put")
        self.kept[key] = answer

    async def send(self, *arguments: Any, **_: object) -> None:
        self.asked.append("send")
        relay = arguments[4]
        if self.fails is not None:
            raise self.fails
        relay.head(200, [(b"content-type", b"text/event-stream")])
        for piece in self.stream:
            relay.data(piece)
        relay.end()

    def services(self) -> Services:
        here = cast("Any", self)
        observer = Observer(GatewayMetrics(), self.records.append)
        salts, pace = TenantSalts(b"s"), Pace(most=1)
        resilience = Resilience(flights=self.flights)
        return Services(authenticator(), catalog(route()), here, here, salts, pace, here, observer, resilience)


async def run(around: Surroundings, *, credential: str | None = None, body: bytes | None = None) -> Collector:
    """Take one streamed chat through the pipeline."""
    content = json.dumps(chat(stream=True)).encode() if body is None else body
    bearer = token() if credential is None else credential
    head = parse_head(
        f"POST {PATH} HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nAuthorization: Bearer {bearer}\r\n"
        f"Content-Length: {len(content)}\r\n\r\n".encode()
    )
    arrived = Body(head.body_length, limit_bytes=10_000, budget=BodyBudget(10_000))
    arrived.feed(content)
    reply, collector = collected()
    await Pipeline(around.services())(ENDPOINTS[PATH], Request(head, arrived, peer="h", received_at=0.0), reply)
    return collector


async def test_goes_in_order() -> None:
    """The cache is asked together with the limits; the request is sent after that, settled at the end, then kept."""
    around = Surroundings()
    collector = await run(around)
    assert collector.body == CHAT_VISIBLE
    assert around.asked == ["ask", "reserve", "send", "settle", "put"]
    assert around.settled == [(Usage(7, 3), Outcome.COMPLETED)]
    assert around.kept["key"].body == CHAT_VISIBLE


async def test_an_answer_from_the_cache_is_not_sent_for() -> None:
    """A kept answer is given as it was, and costs no tokens."""
    around = Surroundings()
    await run(around)
    collector = await run(around)
    assert collector.body == CHAT_VISIBLE
    assert around.asked[5:] == ["ask", "reserve", "settle"]
    assert around.settled[1] == (None, Outcome.CACHED)
    assert around.records[1].cache == "hit"


@pytest.mark.parametrize("case", ["stranger", "nonsense", "other model"])
async def test_who_is_not_admitted_touches_nothing(case: str) -> None:
    """A request that is refused reserves nothing and asks nobody."""
    around = Surroundings()
    given: dict[str, dict[str, Any]] = {
        "stranger": {"credential": "nobody"},
        "nonsense": {"body": b"{"},
        "other model": {"body": json.dumps(chat(model="other")).encode()},
    }
    collector = await run(around, **given[case])
    assert collector.status in {400, 401, 404}
    assert around.asked == []
    assert around.records[0].error_code


async def test_who_is_limited_is_not_served() -> None:
    """A request above a limit gets no kept answer and is not sent; it settles nothing, and others need not wait."""
    around = Surroundings(refuses=RateLimited("Too many.", retry_after_s=3))
    around.kept["key"] = CachedAnswer("application/json", b"{}", 1, 1)
    collector = await run(around)
    assert collector.status == 429
    assert around.asked == ["ask", "reserve"]
    assert around.look_up.cancelled()
    assert len(around.flights) == 0


@pytest.mark.parametrize("error", [Unavailable("gone"), UnicodeError("a bug")])
async def test_settles_whatever_happens(error: Exception) -> None:
    """What was reserved is settled, whether an upstream failed or the gateway itself did."""
    around = Surroundings(fails=error)
    if isinstance(error, Unavailable):
        assert (await run(around)).status == 503
    else:
        with pytest.raises(UnicodeError):
            await run(around)
    assert around.asked == ["ask", "reserve", "send", "settle"]
    assert around.settled == [(None, Outcome.FAILED)]


@pytest.mark.parametrize("step", ["refuses", "fails"])
async def test_a_failure_of_the_gateways_own_is_recorded_as_one(step: str) -> None:
    """A request on which the gateway itself trips is a 500 in the books, whatever step it was at."""
    around = Surroundings()
    setattr(around, step, UnicodeError("a bug"))
    with pytest.raises(UnicodeError):
        await run(around)
    assert [(record.status, record.error_code) for record in around.records] == [(500, "internal_error")]


async def test_a_part_is_charged_and_not_kept() -> None:
    """Of a broken stream the delivered part is charged, and nothing is kept."""
    around = Surroundings(stream=(CHAT[0], CHAT[1], CHAT[2]))
    collector = await run(around)
    assert b'"engine_died"' in collector.body
    assert around.settled == [(Usage(9, 2), Outcome.FAILED)]
    assert "put" not in around.asked
    assert (around.records[0].status, around.records[0].error_code) == (200, "engine_died")
