"""What is known of one inference request when it is over: the one source of metrics, access log and ledger."""

import time
from typing import Final

import msgspec

from fairlead_gateway.cache import CacheState
from fairlead_gateway.limits import Outcome
from fairlead_gateway.traces import RequestTrace
from fairlead_gateway.usage import Usage

CLIENT_LEFT: Final = 499
"""The status of a request whose client left before it was answered, as nginx's logs have it."""


class Record(msgspec.Struct):
    """One inference request; fields keep their defaults where a request ended before they were known.

    Attributes:
        path: The endpoint.
        at_s: Unix seconds at which the request arrived.
        tenant: The tenant for whom the request was made; "" where nobody was authenticated.
        key_id: Id of the API key, where one was used.
        subject: The person or program inside the tenant.
        model: Identity of the ModelDeployment, never the name that a client made up.
        revision: The model's, when the request was made.
        stream: Whether a stream was asked for.
        status: HTTP status of the reply; CLIENT_LEFT where there was none.
        error_code: Code of the error that the client got, "" where it got none.
        cache: What the cache did.
        usage: Tokens charged.
        cost: What they cost in billionths of the currency; None where the model has no price.
        queue_s: Seconds from the request's head until it was sent to its model, or None where it never was.
        first_byte_s: Seconds from the request's head to the first byte of the answer, or None.
        duration_s: Seconds from the request's head to the end of the reply.
        trace: Its trace, where it is recorded.
    """

    request_id: str
    path: str
    at_s: float = msgspec.field(default_factory=time.time)
    tenant: str = ""
    key_id: str | None = None
    subject: str = ""
    model: str = ""
    revision: str = ""
    stream: bool = False
    status: int = 0
    outcome: Outcome = Outcome.FAILED
    error_code: str = ""
    cache: CacheState = CacheState.BYPASS
    usage: Usage | None = None
    cost: int | None = None
    queue_s: float | None = None
    first_byte_s: float | None = None
    duration_s: float = 0.0
    trace: RequestTrace | None = None
