"""What an upstream's errors mean for the client.

Four parties answer on the way: the engine with JSON, and with plain text Ray Serve's replica ("Request dropped due to
backpressure"), Ray Serve's HAProxy (404 for an application that it does not know yet, 500 with "Internal Server
Error" in place of its 502, 503 and 504) and whatever else a cluster puts between. A client gets one honest envelope
from all of them: its own mistakes keep the engine's sentence and status; what went wrong on our side does not leave
the house.
"""

import random
from typing import Final

import msgspec

from fairlead_contract.errors import (
    EngineDied,
    FairleadError,
    InvalidRequest,
    ModelLoading,
    NotFound,
    Overloaded,
    RequestTooLarge,
    Unavailable,
    UpstreamFailed,
    UpstreamTimeout,
)

MAX_MESSAGE_CHARS: Final = 2000
LOADING_RETRY_S: Final = 10.0
RETRY_S: Final = 2.0


class Unprocessable(InvalidRequest):
    """The engine understood the request and cannot do what it asks."""

    http_status = 422


class _Detail(msgspec.Struct):
    message: str = ""
    param: str | None = None
    code: int | str | None = None


class _Envelope(msgspec.Struct):
    """vLLM's error: OpenAI's envelope, Anthropic's, or the bare inner part."""

    error: _Detail | None = None
    message: str = ""


_decoder = msgspec.json.Decoder(_Envelope)

_OF_STATUS: Final[dict[int, type[FairleadError]]] = {
    400: InvalidRequest,
    404: NotFound,
    413: RequestTooLarge,
    422: Unprocessable,
    501: InvalidRequest,
}
"""A client's mistakes, by the engine's status; 501 says that this model has no such ability, which no retry changes."""


def refusal(status: int, content_type: str, body: bytes) -> FairleadError:
    """Return the error for an upstream's answer that is no answer."""
    if content_type.startswith("application/json"):
        return _of_engine(status, body)
    return _of_serve(status, body)


def stream_error(document: bytes) -> FairleadError:
    """Return the error for an error event that an engine sent in place of the rest of a stream."""
    detail = _detail(document)
    status = detail.code if isinstance(detail.code, int) else 500
    if status in _OF_STATUS:
        return _OF_STATUS[status](_shown(detail), param=detail.param)
    return EngineDied(
        "The model's engine failed in the middle of the answer, which is not whole. Send the request again.",
        retry_after_s=_jittered(RETRY_S),
    )


def _of_engine(status: int, body: bytes) -> FairleadError:
    if status in _OF_STATUS:
        detail = _detail(body)
        return _OF_STATUS[status](_shown(detail), param=detail.param)
    if status in {429, 503}:
        return Overloaded(
            "The model has more requests than it can take. Retry shortly.", retry_after_s=_jittered(RETRY_S)
        )
    return _failed()


def _of_serve(status: int, body: bytes) -> FairleadError:
    if b"backpressure" in body or status == 429:  # noqa: PLR2004
        return Overloaded(
            "The model has more requests than it can take. Retry shortly.", retry_after_s=_jittered(RETRY_S)
        )
    if status == 404:  # noqa: PLR2004
        return ModelLoading("The model is starting. Retry shortly.", retry_after_s=_jittered(LOADING_RETRY_S))
    if status in {500, 502, 503}:
        return Unavailable(
            "No replica of the model is ready to answer. Retry shortly.", retry_after_s=_jittered(RETRY_S)
        )
    if status in {408, 504}:
        return UpstreamTimeout("The model did not answer in time. Retry shortly.", retry_after_s=_jittered(RETRY_S))
    return _failed()


def _failed() -> FairleadError:
    return UpstreamFailed("The model failed to answer. Retry; the request id finds the cause in the logs.")


def _jittered(seconds: float) -> float:
    """Return a pause that spreads clients who were refused together, so that they do not return together."""
    return seconds * random.uniform(1.0, 2.0)  # noqa: S311 - not a secret


def _shown(detail: _Detail) -> str:
    return detail.message[:MAX_MESSAGE_CHARS] or "The model refused the request."


def _detail(document: bytes) -> _Detail:
    try:
        envelope = _decoder.decode(document)
    except msgspec.DecodeError:
        return _Detail()
    return envelope.error or _Detail(message=envelope.message)
