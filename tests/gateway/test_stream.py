"""Streams on their way to a client, without sockets: cut anywhere, broken off anywhere."""

import json

import pytest

from fairlead_contract.errors import UpstreamTimeout
from fairlead_gateway.delivery import Delivery
from fairlead_gateway.endpoints import Dialect
from fairlead_gateway.limits import Outcome
from fairlead_gateway.stream import StreamReader
from fairlead_gateway.usage import Usage
from tests.gateway.support.frames import (
    CHAT,
    CHAT_STREAM,
    CHAT_USAGE,
    CHAT_VISIBLE,
    DONE,
    ENGINE_ERROR,
    MESSAGES,
    MESSAGES_STREAM,
    RESPONSES,
    RESPONSES_STREAM,
    data,
    event,
)
from tests.gateway.support.replies import Collector, collected

STREAMS = {
    Dialect.OPENAI: (CHAT_STREAM, CHAT_VISIBLE, 5),
    Dialect.RESPONSES: (RESPONSES_STREAM, RESPONSES_STREAM, 2),
    Dialect.ANTHROPIC: (MESSAGES_STREAM, MESSAGES_STREAM, 2),
}
CACHED = {Dialect.OPENAI: 0, Dialect.RESPONSES: 2, Dialect.ANTHROPIC: 0}


def reading(dialect: Dialect = Dialect.OPENAI, *, hide_usage: bool = True) -> tuple[StreamReader, Collector, Delivery]:
    reply, collector = collected(dialect)
    delivery = Delivery()
    return StreamReader(reply, delivery, dialect=dialect, hide_usage=hide_usage), collector, delivery


@pytest.mark.parametrize("dialect", STREAMS)
async def test_cut_at_every_offset(dialect: Dialect) -> None:
    """Wherever TCP cuts a stream, the client gets the same bytes and the usage is found."""
    stream, visible, deltas = STREAMS[dialect]
    for cut in range(len(stream) + 1):
        reader, collector, delivery = reading(dialect)
        reader.data(stream[:cut])
        reader.data(stream[cut:])
        reader.end()
        assert collector.body == visible
        assert collector.ended
        assert delivery.usage == Usage(7, 3, CACHED[dialect])
        assert (delivery.outcome, delivery.deltas) == (Outcome.COMPLETED, deltas)


@pytest.mark.parametrize("dialect", STREAMS)
async def test_byte_by_byte(dialect: Dialect) -> None:
    """A stream that arrives in single bytes goes out in whole frames."""
    stream, visible, _ = STREAMS[dialect]
    reader, collector, delivery = reading(dialect)
    for byte in stream:
        reader.data(bytes([byte]))
    assert (collector.body, delivery.outcome) == (visible, Outcome.COMPLETED)


async def test_shows_usage_that_was_asked_for() -> None:
    """The usage event stays where the client asked for it."""
    reader, collector, delivery = reading(hide_usage=False)
    reader.data(CHAT_STREAM)
    assert collector.body == CHAT_STREAM
    assert delivery.usage == Usage(7, 3)


@pytest.mark.parametrize("dialect", STREAMS)
async def test_truncated_at_every_offset(dialect: Dialect) -> None:
    """A stream that ends before its last event ends in an error event, never in what looks like an end."""
    stream, visible, _ = STREAMS[dialect]
    whole = stream.rstrip(b"\n")
    for cut in range(1, len(whole)):
        reader, collector, delivery = reading(dialect)
        reader.data(stream[:cut])
        reader.end()
        assert delivery.outcome is not Outcome.COMPLETED
        if not collector.sent:
            assert reader.error is not None
            continue
        last = collector.body.split(b"\n\n")[-2]
        assert b"error" in last
        assert b"[DONE]" not in collector.body
        assert b"message_stop" not in collector.body
        assert visible.startswith(collector.body[: -len(last) - 2])
        assert collector.ended


async def test_engine_dies_in_mid_stream() -> None:
    """VLLM's error and the `[DONE]` behind it become one honest error event."""
    reader, collector, delivery = reading()
    reader.data(CHAT[0] + CHAT[1])
    reader.data(ENGINE_ERROR + DONE)
    reader.end()
    *shown, error, rest = collector.body.split(b"\n\n")
    assert b"\n\n".join(shown) + b"\n\n" == CHAT[0] + CHAT[1]
    told = json.loads(error.removeprefix(b"data: "))["error"]
    assert (told["code"], rest) == ("engine_died", b"")
    assert "EngineCore" not in told["message"]
    assert delivery.outcome is Outcome.FAILED
    assert delivery.settled_usage(prompt_estimate=9, opening_frames=1) == Usage(9, 1)


@pytest.mark.parametrize(
    "deltas, answers, tokens",
    [(0, 1, 0), (1, 1, 0), (2, 1, 1), (3, 1, 5), (12, 1, 41), (2, 2, 0), (4, 2, 2), (6, 2, 10)],
)
def test_shared_events_of_a_broken_answer_are_charged_by_their_tokens(deltas: int, answers: int, tokens: int) -> None:
    """Of an aborted chat the first event of each answer carries no token, the second one, each further one four."""
    delivery = Delivery(outcome=Outcome.ABORTED, deltas=deltas, tokens_per_event=4, first_byte_at=1.0)
    assert delivery.settled_usage(prompt_estimate=9, opening_frames=answers, answers=answers) == Usage(9, tokens)


def test_a_client_that_did_not_wait_is_charged_its_prompt() -> None:
    """An engine has worked on the prompt of an answer that was not begun, unless none ever got it or it failed."""
    assert Delivery(outcome=Outcome.ABORTED).settled_usage(prompt_estimate=9, opening_frames=1) == Usage(9, 0)
    assert Delivery(outcome=Outcome.ABORTED, idle=True).settled_usage(prompt_estimate=9, opening_frames=1) == Usage(
        0, 0
    )
    assert Delivery(outcome=Outcome.FAILED).settled_usage(prompt_estimate=9, opening_frames=1) is None
    given_up = Delivery(outcome=Outcome.ABORTED)
    assert given_up.settled_usage(prompt_estimate=0, opening_frames=0, sound_estimate=7) == Usage(0, 0, audio_seconds=7)


@pytest.mark.parametrize(
    "dialect, begun, error",
    [
        (Dialect.RESPONSES, RESPONSES[0], ENGINE_ERROR),
        (Dialect.RESPONSES, RESPONSES[0], event("response.failed", {"response": {"error": {"message": "x"}}})),
        (Dialect.ANTHROPIC, MESSAGES[0], event("error", {"type": "error", "error": {"type": "internal_error"}})),
    ],
)
async def test_tells_an_engine_death_in_the_dialect(dialect: Dialect, begun: bytes, error: bytes) -> None:
    """Each dialect has its own error event, and the stream ends with it."""
    reader, collector, delivery = reading(dialect)
    reader.data(begun + error)
    last = collector.body.removeprefix(begun)
    assert last.startswith(b"event: error\ndata: ")
    assert collector.ended
    assert delivery.outcome is Outcome.FAILED


async def test_an_error_before_the_first_event_gets_a_status() -> None:
    """A stream that begins with an error has not begun: the client gets a status, its own mistakes keep theirs."""
    mistake = data({"error": {"message": "Grammar is wrong", "type": "BadRequestError", "param": None, "code": 400}})
    for frame, status in ((mistake, 400), (ENGINE_ERROR, 502)):
        reader, collector, _ = reading()
        reader.data(frame + DONE)
        assert not collector.sent
        assert reader.error is not None
        assert reader.error.http_status == status


async def test_a_time_out_in_mid_stream_is_told() -> None:
    """An upstream that stops is told as an error event."""
    reader, collector, _ = reading()
    reader.data(CHAT[0])
    reader.fail(UpstreamTimeout("The model stopped."))
    assert b'"upstream_timeout"' in collector.body
    assert collector.ended


async def test_nothing_follows_the_end() -> None:
    """What an upstream sends after the last event stays away from the client."""
    reader, collector, _ = reading()
    reader.data(CHAT_STREAM)
    sent = len(collector.sent)
    reader.data(CHAT[0])
    reader.end()
    assert len(collector.sent) == sent


async def test_reports_early_usage_of_an_aborted_message() -> None:
    """Where the prompt is reported at the start, an aborted stream is charged for that and what was delivered."""
    reader, _, delivery = reading(Dialect.ANTHROPIC)
    reader.data(b"".join(MESSAGES[:4]))
    delivery.outcome = Outcome.ABORTED
    assert delivery.settled_usage(prompt_estimate=99, opening_frames=0) == Usage(7, 2)


async def test_usage_in_the_same_read_as_content() -> None:
    """Content before and after a hidden event in one read is kept in order."""
    reader, collector, _ = reading()
    reader.data(CHAT[0] + CHAT[1] + CHAT_USAGE + CHAT[2])
    assert collector.body == CHAT[0] + CHAT[1] + CHAT[2]
