"""Errors as clients expect them: OpenAI's envelope, Anthropic's, and the event that ends a broken stream.

Both vendors' SDKs retry by status, honour `Retry-After` up to 120 s (openai-python gives up on more), and obey
`x-should-retry`.
"""

import math
from typing import Any

import msgspec

from fairlead_contract.errors import FairleadError
from fairlead_gateway.endpoints import Dialect

MAX_RETRY_AFTER_S = 120
DEFAULT_RETRY_AFTER_S = 1

_RETRIED_STATUS = frozenset({408, 409, 429})
"""Besides 5xx, what SDKs retry unless told not to."""

_OPENAI_TYPES = {429: "rate_limit_error"}
_ANTHROPIC_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
}

Rendered = tuple[int, list[tuple[str, str]], bytes]


def render(error: FairleadError, dialect: str, request_id: str) -> Rendered:
    """Return the status, headers and body that tell an error; the dialect is a `Dialect` or its value."""
    body = _anthropic(error, request_id) if dialect == Dialect.ANTHROPIC else {"error": _openai(error)}
    return error.http_status, _headers(error), msgspec.json.encode(body)


def sse_error(error: FairleadError, dialect: str, *, request_id: str = "", sequence: int = 0) -> bytes:
    """Return the event that ends a broken stream; no `[DONE]` follows it, for the answer is not done.

    The sequence is the event's `sequence_number`, which only the Responses API counts.
    """
    if dialect == Dialect.ANTHROPIC:
        return _event("error", _anthropic(error, request_id))
    openai = _openai(error)
    if dialect == Dialect.RESPONSES:
        # The documented event has the fields at the top; SDKs raise only where they find `error`.
        told = {key: openai[key] for key in ("code", "message", "param")}
        return _event("error", {"type": "error", **told, "sequence_number": sequence, "error": openai})
    return b"data: " + msgspec.json.encode({"error": openai}) + b"\n\n"


def _headers(error: FairleadError) -> list[tuple[str, str]]:
    headers = [("content-type", "application/json")]
    status = error.http_status
    if status == 401:  # noqa: PLR2004
        headers.append(("www-authenticate", 'Bearer realm="fairlead"'))
    if error.retryable or error.retry_after_s is not None:
        retry_after_s = DEFAULT_RETRY_AFTER_S if error.retry_after_s is None else error.retry_after_s
        headers.append(("retry-after", str(min(max(math.ceil(retry_after_s), 1), MAX_RETRY_AFTER_S))))
    if status in _RETRIED_STATUS or status >= 500:  # noqa: PLR2004
        headers.append(("x-should-retry", "true" if error.retryable else "false"))
    headers.extend(getattr(error, "headers", ()))
    return headers


def _openai(error: FairleadError) -> dict[str, Any]:
    fallback = "server_error" if error.http_status >= 500 else "invalid_request_error"  # noqa: PLR2004
    return {
        "message": error.message,
        "type": _OPENAI_TYPES.get(error.http_status, fallback),
        "param": error.param,
        "code": error.code,
    }


def _anthropic(error: FairleadError, request_id: str) -> dict[str, Any]:
    fallback = "api_error" if error.http_status >= 500 else "invalid_request_error"  # noqa: PLR2004
    told = {"type": _ANTHROPIC_TYPES.get(error.http_status, fallback), "message": error.message}
    return {"type": "error", "error": told, "request_id": request_id}


def _event(name: str, data: dict[str, Any]) -> bytes:
    return b"event: " + name.encode() + b"\ndata: " + msgspec.json.encode(data) + b"\n\n"
