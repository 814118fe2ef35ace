"""Every error that Fairlead tells someone about.

FairleadError
├── InvalidRequest           400  the client sent something wrong
│   ├── InvalidJson          400
│   ├── UnknownField         400
│   └── InvalidValue         400
├── Unauthenticated          401
├── PermissionDenied         403
├── NotFound                 404
│   ├── ModelNotFound        404
│   ├── KeyNotFound          404
│   └── UnknownRoute         404
├── MethodNotAllowed         405
├── RequestTimeout           408  the client was too slow to send its request
├── RequestTooLarge          413
├── UnsupportedMediaType     415
├── MisdirectedRequest       421  a Host that is none of the gateway's
├── HeadersTooLarge          431
├── TooManyFailedAttempts    429  of one address; valid credentials go on
├── RateLimited              429  the client's own limit
│   └── QuotaExhausted       429  of the day; no retry before it ends
├── ManifestError            422  one line per mistake
├── NameTaken                409
├── SourceNeedsCluster       422
├── Unavailable              503  our capacity, not the client's fault
│   ├── ModelLoading         503
│   ├── ModelSuspended       503
│   ├── Overloaded           503
│   ├── LimiterUnavailable   503
│   ├── LedgerUnavailable    503
│   ├── IdentityUnavailable  503  a token's issuer does not give its keys
│   └── KeysUnavailable      503  API keys cannot be read or changed
├── UpstreamFailed           502
│   ├── AnswerTooLarge       502  the request asked for more than the gateway holds
│   └── EngineDied           502  also in the middle of a stream
├── UpstreamTimeout          504
│   └── AnswerTooLong        504  the request asked for more than its time
├── EngineStartFailed        500
├── DownloadFailed           500
│   └── DownloadRefused      500  trying again is of no use
└── InternalError            500

`code` is stable and machine-readable, `http_status` is what the HTTP door answers, `retryable` says whether the same
request may succeed later without being changed.
"""

from dataclasses import dataclass
from typing import ClassVar


class FairleadError(Exception):
    """Root of all errors that reach a person or a client.

    Args:
        message: One sentence that says what is wrong and, where that helps, what to do instead.
        param: The request field or manifest path that is at fault, if one is.
        retry_after_s: Seconds after which a retry makes sense, if known.
    """

    code: ClassVar[str] = "internal_error"
    http_status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, param: str | None = None, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.retry_after_s = retry_after_s


class InvalidRequest(FairleadError):
    code = "invalid_request"
    http_status = 400


class InvalidJson(InvalidRequest):
    code = "invalid_json"


class UnknownField(InvalidRequest):
    code = "unknown_field"


class InvalidValue(InvalidRequest):
    code = "invalid_value"


class Unauthenticated(FairleadError):
    code = "invalid_api_key"
    http_status = 401


class PermissionDenied(FairleadError):
    code = "permission_denied"
    http_status = 403


class NotFound(FairleadError):
    code = "not_found"
    http_status = 404


class ModelNotFound(NotFound):
    code = "model_not_found"


class KeyNotFound(NotFound):
    code = "key_not_found"


class UnknownRoute(NotFound):
    code = "unknown_url"


class MethodNotAllowed(FairleadError):
    code = "method_not_allowed"
    http_status = 405


class RequestTimeout(FairleadError):
    code = "request_timeout"
    http_status = 408
    retryable = True


class RequestTooLarge(FairleadError):
    code = "request_too_large"
    http_status = 413


class UnsupportedMediaType(FairleadError):
    code = "unsupported_media_type"
    http_status = 415


class MisdirectedRequest(FairleadError):
    code = "misdirected_request"
    http_status = 421


class HeadersTooLarge(FairleadError):
    code = "headers_too_large"
    http_status = 431


class TooManyFailedAttempts(FairleadError):
    code = "too_many_failed_attempts"
    http_status = 429


class RateLimited(FairleadError):
    code = "rate_limit_exceeded"
    http_status = 429
    retryable = True


class QuotaExhausted(RateLimited):
    code = "insufficient_quota"
    retryable = False


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that is wrong with a manifest: where, what, and what to write instead."""

    path: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}; {self.remedy}"


class ManifestError(FairleadError):
    """A manifest that is refused, with every mistake found in it."""

    code = "invalid_manifest"
    http_status = 422

    def __init__(self, where: str, mistakes: list[Mistake]) -> None:
        super().__init__("\n".join(f"{where}: {mistake}" for mistake in mistakes))
        self.where = where
        self.mistakes = mistakes


class NameTaken(FairleadError):
    code = "name_taken"
    http_status = 409


class SourceNeedsCluster(FairleadError):
    code = "source_needs_cluster"
    http_status = 422


class Unavailable(FairleadError):
    code = "model_unavailable"
    http_status = 503
    retryable = True


class ModelLoading(Unavailable):
    code = "model_loading"


class ModelSuspended(Unavailable):
    code = "model_suspended"
    retryable = False


class Overloaded(Unavailable):
    code = "overloaded"


class LimiterUnavailable(Unavailable):
    code = "limiter_unavailable"


class LedgerUnavailable(Unavailable):
    code = "ledger_unavailable"


class IdentityUnavailable(Unavailable):
    code = "identity_provider_unavailable"


class KeysUnavailable(Unavailable):
    code = "keys_unavailable"
    retryable = False


class UpstreamFailed(FairleadError):
    code = "upstream_failed"
    http_status = 502
    retryable = True


class AnswerTooLarge(UpstreamFailed):
    code = "answer_too_large"
    retryable = False


class EngineDied(UpstreamFailed):
    code = "engine_died"


class UpstreamTimeout(FairleadError):
    code = "upstream_timeout"
    http_status = 504
    retryable = True


class AnswerTooLong(UpstreamTimeout):
    code = "answer_too_long"
    retryable = False


class EngineStartFailed(FairleadError):
    code = "engine_start_failed"


class DownloadFailed(FairleadError):
    code = "download_failed"
    retryable = True


class DownloadRefused(DownloadFailed):
    code = "download_refused"
    retryable = False


class InternalError(FairleadError):
    code = "internal_error"
