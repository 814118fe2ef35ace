import json

import pytest

from fairlead_contract.errors import (
    EngineDied,
    FairleadError,
    InternalError,
    InvalidValue,
    ModelLoading,
    ModelNotFound,
    ModelSuspended,
    Overloaded,
    PermissionDenied,
    RateLimited,
    RequestTooLarge,
    Unauthenticated,
    UpstreamTimeout,
)
from fairlead_gateway.endpoints import Dialect, dialect_of
from fairlead_gateway.envelope import render, sse_error


def test_openai_clients_get_openais_envelope() -> None:
    """Message, type, param and code, as OpenAI's SDKs read them."""
    status, headers, body = render(InvalidValue("`n` is wrong.", param="n"), Dialect.OPENAI, "r1")
    assert status == 400
    assert ("content-type", "application/json") in headers
    assert json.loads(body) == {
        "error": {"message": "`n` is wrong.", "type": "invalid_request_error", "param": "n", "code": "invalid_value"}
    }


def test_anthropic_clients_get_anthropics_envelope() -> None:
    """Type, message and the request's id, as Anthropic's SDKs read them."""
    _, _, body = render(ModelNotFound("No such model."), Dialect.ANTHROPIC, "r1")
    assert json.loads(body) == {
        "type": "error",
        "error": {"type": "not_found_error", "message": "No such model."},
        "request_id": "r1",
    }


@pytest.mark.parametrize(
    "error, openai, anthropic",
    [
        (InvalidValue, "invalid_request_error", "invalid_request_error"),
        (Unauthenticated, "invalid_request_error", "authentication_error"),
        (PermissionDenied, "invalid_request_error", "permission_error"),
        (ModelNotFound, "invalid_request_error", "not_found_error"),
        (RequestTooLarge, "invalid_request_error", "request_too_large"),
        (RateLimited, "rate_limit_error", "rate_limit_error"),
        (InternalError, "server_error", "api_error"),
        (Overloaded, "server_error", "overloaded_error"),
        (UpstreamTimeout, "server_error", "timeout_error"),
    ],
)
def test_every_error_has_a_type_of_each_vendor(error: type[FairleadError], openai: str, anthropic: str) -> None:
    """SDKs choose their exceptions by status, and people read the type."""
    assert json.loads(render(error("x"), Dialect.OPENAI, "")[2])["error"]["type"] == openai
    assert json.loads(render(error("x"), Dialect.ANTHROPIC, "")[2])["error"]["type"] == anthropic


@pytest.mark.parametrize(
    "error, retry_after, should_retry",
    [
        (InvalidValue("x"), None, None),
        (RateLimited("x", retry_after_s=12.1), "13", "true"),
        (RateLimited("x", retry_after_s=0.001), "1", "true"),
        (Overloaded("x"), "1", "true"),
        (ModelLoading("x", retry_after_s=900), "120", "true"),
        (ModelSuspended("x"), None, "false"),
        (InternalError("x"), None, "false"),
    ],
)
def test_sdks_are_told_whether_and_when_to_retry(
    error: FairleadError, retry_after: str | None, should_retry: str | None
) -> None:
    """Retry-After is whole seconds up to 120, beyond which openai-python gives up; pointless retries are forbidden."""
    headers = dict(render(error, Dialect.OPENAI, "")[1])
    assert headers.get("retry-after") == retry_after
    assert headers.get("x-should-retry") == should_retry


def test_a_missing_credential_is_asked_for() -> None:
    """RFC 9110 wants WWW-Authenticate with every 401."""
    assert dict(render(Unauthenticated("x"), Dialect.OPENAI, "")[1])["www-authenticate"] == 'Bearer realm="fairlead"'


def test_an_errors_own_headers_go_along() -> None:
    """Limits tell more than the status."""
    error = RateLimited("x", retry_after_s=1)
    error.headers = [("x-ratelimit-limit-requests", "5")]  # type: ignore[attr-defined]
    assert dict(render(error, Dialect.OPENAI, "")[1])["x-ratelimit-limit-requests"] == "5"


def test_a_broken_openai_stream_ends_in_an_error_and_not_in_done() -> None:
    """A client that waits for `[DONE]` must not take a broken answer for a whole one."""
    frame = sse_error(EngineDied("The engine died."), Dialect.OPENAI)
    assert frame.startswith(b"data: {")
    assert frame.endswith(b"}\n\n")
    assert b"DONE" not in frame
    assert json.loads(frame[6:])["error"]["code"] == "engine_died"


def test_a_broken_anthropic_stream_ends_in_its_error_event() -> None:
    """Anthropic's SDK raises on the event named `error`."""
    event, data = sse_error(Overloaded("Busy."), Dialect.ANTHROPIC, request_id="r1").decode().strip().split("\n")
    assert event == "event: error"
    assert json.loads(data[6:]) == {
        "type": "error",
        "error": {"type": "overloaded_error", "message": "Busy."},
        "request_id": "r1",
    }


def test_a_broken_responses_stream_ends_in_its_error_event() -> None:
    """The documented fields for those who read events, and `error` for SDKs, which raise on it."""
    event, data = sse_error(EngineDied("Dead."), Dialect.RESPONSES, sequence=7).decode().strip().split("\n")
    told = json.loads(data[6:])
    assert event == "event: error"
    assert (told["type"], told["code"], told["message"], told["param"]) == ("error", "engine_died", "Dead.", None)
    assert (told["sequence_number"], told["error"]["code"]) == (7, "engine_died")


@pytest.mark.parametrize(
    "path, dialect",
    [
        ("/v1/chat/completions", Dialect.OPENAI),
        ("/v1/responses", Dialect.RESPONSES),
        ("/v1/messages", Dialect.ANTHROPIC),
        ("/v1/messages/batches", Dialect.ANTHROPIC),
        ("/nowhere", Dialect.OPENAI),
    ],
)
def test_errors_are_told_in_the_dialect_of_their_path(path: str, dialect: Dialect) -> None:
    """Also where nothing answers, a client gets errors that it can read."""
    assert dialect_of(path) is dialect
