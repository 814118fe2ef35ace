"""The gateway's log: JSON lines on standard error, for people and for machines.

What a request asked and what it was answered never enters the log, nor does a token or a key; a request is told by
its id, its tenant, its model and its numbers.
"""

import logging
import sys
from collections.abc import Callable
from typing import Final

import msgspec
import structlog

from fairlead_gateway.prices import money
from fairlead_gateway.record import Record

_SHARED: Final[tuple[structlog.typing.Processor, ...]] = (
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
)


def configure_logging(level: str) -> None:
    """Send everything that any module logs to standard error, as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*_SHARED, structlog.stdlib.add_logger_name, structlog.stdlib.ExtraAdder()],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(serializer=_text),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    logging.getLogger("httpx2").setLevel(logging.WARNING)  # a line per watch of the API server would drown all others


def access_log() -> Callable[[Record], None]:
    """Return a function that writes one line for a finished request; it formats nothing but that line."""
    logger = structlog.wrap_logger(
        structlog.BytesLogger(sys.stderr.buffer),
        processors=[*_SHARED, structlog.processors.JSONRenderer(serializer=_bytes)],
        wrapper_class=structlog.BoundLogger,
    ).bind()

    def write(record: Record) -> None:
        usage = record.usage
        logger.info(
            "request",
            request_id=record.request_id,
            trace_id=None if record.trace is None else record.trace.context.trace_id,
            path=record.path,
            tenant=record.tenant,
            key_id=record.key_id,
            model=record.model,
            revision=record.revision,
            stream=record.stream,
            status=record.status,
            outcome=record.outcome,
            error=record.error_code,
            cache=record.cache,
            prompt_tokens=None if usage is None else usage.prompt_tokens,
            completion_tokens=None if usage is None else usage.completion_tokens,
            cached_tokens=None if usage is None else usage.cached_tokens,
            audio_seconds=None if usage is None else usage.audio_seconds,
            cost=None if record.cost is None else money(record.cost),
            queue_ms=None if record.queue_s is None else round(record.queue_s * 1000, 1),
            first_byte_ms=None if record.first_byte_s is None else round(record.first_byte_s * 1000, 1),
            duration_ms=round(record.duration_s * 1000, 1),
        )

    return write


def _bytes(event: object, **_: object) -> bytes:
    return msgspec.json.encode(event, enc_hook=repr)


def _text(event: object, **_: object) -> str:
    return _bytes(event).decode()
