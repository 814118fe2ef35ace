"""One request as the ledger keeps it. Of what was asked and answered, and of an error's text, it holds nothing."""

from typing import Final

import msgspec

from fairlead_gateway.record import Record


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """A record in the ledger's stream, a MessagePack array; a field that is added goes to the end, with a default.

    Attributes:
        at_ms: Unix milliseconds at which the request arrived; its UTC day is the day that it counts to.
        cost: Billionths of the currency; None where the model has no price.
        input_tokens: Tokens charged for the prompt, cached ones included.
        cached_input_tokens: Those of them that the engine had in its prefix cache.
        measured: Whether tokens were charged at all.
        queue_ms: From the request's head until it was sent to its model, or None where it never was.
        audio_seconds: Seconds of sound charged.
        ttft_ms: From the request's head to the first byte of the answer, or None where there was none.
    """

    request_id: str
    at_ms: int
    tenant: str
    key_id: str
    subject: str
    model: str
    revision: str
    route: str
    stream: bool
    status: int
    outcome: str
    error: str
    cache: str
    measured: bool
    input_tokens: int
    output_tokens: int
    cached_input_tokens: int
    cost: int | None
    queue_ms: int | None
    ttft_ms: int | None
    total_ms: int
    audio_seconds: int = 0


ENCODE: Final = msgspec.msgpack.Encoder().encode
_decoder: Final = msgspec.msgpack.Decoder(Entry)


def entry_of(record: Record) -> Entry:
    """Return a finished or refused request as the ledger keeps it."""
    usage = record.usage
    return Entry(
        request_id=record.request_id,
        at_ms=int(record.at_s * 1000),
        tenant=record.tenant,
        key_id=record.key_id or "",
        subject=record.subject.encode(errors="replace").decode(),  # a token may hold what is no text
        model=record.model,
        revision=record.revision,
        route=record.path,
        stream=record.stream,
        status=record.status,
        outcome=record.outcome,
        error=record.error_code,
        cache=record.cache,
        measured=usage is not None,
        input_tokens=0 if usage is None else usage.prompt_tokens,
        output_tokens=0 if usage is None else usage.completion_tokens,
        cached_input_tokens=0 if usage is None else usage.cached_tokens,
        cost=record.cost,
        queue_ms=_milliseconds(record.queue_s),
        ttft_ms=_milliseconds(record.first_byte_s),
        total_ms=round(record.duration_s * 1000),
        audio_seconds=0 if usage is None else usage.audio_seconds,
    )


def decode(content: bytes) -> Entry:
    """Read an entry from the stream.

    Raises:
        msgspec.MsgspecError: The content is no entry.
    """
    return _decoder.decode(content)


def _milliseconds(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1000)
