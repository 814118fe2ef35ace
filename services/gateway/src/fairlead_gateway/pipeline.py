"""What happens to an inference request, in this order.

    authenticate → permit → limit → cache → route → send → settle

`admit` and `answer` are that sentence as code. To limit a request its model must be known, so its body is read and
its model's route found before it is limited. No step knows a socket: a request is read through `Request`,
answered through `Reply`. Whatever goes wrong reaches the client as a FairleadError in its dialect, and what was
reserved is settled in any case, after the client has its answer.
"""

import time
from dataclasses import dataclass, field

import msgspec

from fairlead_contract.errors import FairleadError, InternalError, InvalidValue
from fairlead_contract.routing import Route
from fairlead_gateway.auth import Authenticator
from fairlead_gateway.cache import (
    CACHE_HEADER,
    Asked,
    CachedAnswer,
    CacheRules,
    CacheState,
    ResponseCache,
    cache_rules,
)
from fairlead_gateway.call import Call, parse, parse_form
from fairlead_gateway.catalog import Catalog
from fairlead_gateway.client_timeout import client_timeout_s
from fairlead_gateway.delivery import Delivery
from fairlead_gateway.endpoints import Endpoint, paths_for
from fairlead_gateway.envelope import sse_error
from fairlead_gateway.heartbeat import Heartbeat
from fairlead_gateway.in_flight import InFlight
from fairlead_gateway.limits import Limiter, Outcome, Reservation
from fairlead_gateway.observer import Observer
from fairlead_gateway.pace import Pace
from fairlead_gateway.principal import Principal, permit
from fairlead_gateway.record import CLIENT_LEFT, Record
from fairlead_gateway.reply import Reply
from fairlead_gateway.request import Request
from fairlead_gateway.resilience import Resilience
from fairlead_gateway.retry_budget import Resend
from fairlead_gateway.sender import Sender
from fairlead_gateway.sending import deliver
from fairlead_gateway.sharing import look_ahead, look_up, share, step_back
from fairlead_gateway.stream import EVENT_STREAM, STREAM_HEADERS
from fairlead_gateway.tenant_salt import TenantSalts
from fairlead_gateway.traces import Traces
from fairlead_gateway.waiting import ClientLeft


@dataclass(frozen=True, slots=True)
class Services:
    """What the steps work with.

    Attributes:
        media_domains: From which media that prompts name are fetched; none fetches nothing.
    """

    authenticator: Authenticator
    catalog: Catalog
    limiter: Limiter
    cache: ResponseCache
    salts: TenantSalts
    pace: Pace
    sender: Sender
    observer: Observer
    resilience: Resilience = field(default_factory=Resilience)
    in_flight: InFlight = field(default_factory=InFlight)
    traces: Traces | None = None
    media_domains: frozenset[str] = frozenset()


class Inference(msgspec.Struct):
    """A request that is understood, and what becomes of it.

    Attributes:
        cache_key: Its question's name in the cache, or None where its answer is not to be kept.
        leads: The question, by its name in the cache, for whose answer others may wait here; None where none do.
        asked: The look-up in the cache, while it is under way.
        deadline_at: Event-loop time in seconds at which it must be over, where that is not simply the longest time.
        hurried: Whether the client set that time.
        heartbeat: Sends comments while a stream waits.
        resend: Whether it may be sent again after an engine may have seen it.
    """

    request: Request
    reply: Reply
    record: Record
    principal: Principal
    call: Call
    route: Route
    reservation: Reservation
    cache_rules: CacheRules
    cache_key: str | None = None
    tokens_per_event: int = 1
    delivery: Delivery = msgspec.field(default_factory=Delivery)
    leads: str | None = None
    asked: Asked | None = None
    deadline_at: float | None = None
    hurried: bool = False
    heartbeat: Heartbeat | None = None
    resend: Resend = msgspec.field(default_factory=Resend)

    def begin_waiting(self, services: Services) -> None:
        """Give a stream's client signs of life from now on."""
        heartbeats = services.resilience.heartbeats
        if heartbeats is not None and self.heartbeat is None and self.call.stream:
            self.heartbeat = heartbeats.begin(self.reply, since=self.request.received_at)

    def ends_at(self, services: Services) -> float:
        """Return the event-loop time in seconds at which the request must be over."""
        longest_at = self.request.received_at + services.resilience.longest_s
        return longest_at if self.deadline_at is None else min(self.deadline_at, longest_at)


class Pipeline:
    """Answers inference requests."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def __call__(self, endpoint: Endpoint, request: Request, reply: Reply) -> None:
        """Answer one request; what becomes of it is observed in any case."""
        record = Record(request.request_id, endpoint.path)
        try:
            await self._answer(endpoint, request, reply, record)
        finally:
            if record.model:
                self._services.in_flight.leave(record.model)

    async def _answer(self, endpoint: Endpoint, request: Request, reply: Reply, record: Record) -> None:
        services = self._services
        try:
            inference = await admit(endpoint, request, reply, record, services)
        except FairleadError as error:
            refuse(reply, record, error)
            record.duration_s = _now() - request.received_at
            services.observer.refused(record, error)
            return
        except Exception:  # the edge tells the client, and the log why
            blame(record, reply)
            record.duration_s = _now() - request.received_at
            services.observer.refused(record)
            raise
        services.observer.admitted(record)
        try:
            await answer(inference, services)
        except Exception:  # as above
            blame(record, reply)
            raise
        finally:
            record.status = record.status or reply.status or CLIENT_LEFT
            services.observer.finished(record)


async def admit(endpoint: Endpoint, request: Request, reply: Reply, record: Record, services: Services) -> Inference:
    """Find out who asks for what, and reserve it.

    Raises:
        FairleadError: The request is refused.
    """
    principal = await authenticate(request, record, services)
    if services.traces is not None:
        record.trace = services.traces.begin(endpoint, request)
    elif request.trace_context is not None:  # engines record what the gateway records, which is nothing
        request.trace_context = request.trace_context.unsampled()
    permit(principal, endpoint.kind)
    timeout_s = client_timeout_s(request.head.firsts)
    call, route = await understand(endpoint, request, principal, record, services)
    planned = services.limiter.plan(principal, route, call)
    inference = Inference(request, reply, record, principal, call, route, planned, cache_rules(request.head.headers))
    if timeout_s is not None:
        inference.deadline_at, inference.hurried = request.received_at + timeout_s, True
    await limit(inference, services)
    return inference


async def answer(inference: Inference, services: Services) -> None:
    """Answer an admitted request from the cache or from its route, and settle it."""
    try:
        if not await replay(inference, services):
            await send(inference, services)
    except ClientLeft:
        inference.delivery = Delivery(outcome=Outcome.ABORTED, idle=True)
    finally:
        if inference.heartbeat is not None:
            inference.heartbeat.stop()
        try:
            await settle(inference, services)
        finally:
            step_back(inference, services)


async def authenticate(request: Request, record: Record, services: Services) -> Principal:
    """Return who is asking.

    Raises:
        Unauthenticated, TooManyFailedAttempts: Nobody we know.
        IdentityUnavailable: Someone whose issuer's keys cannot be had.
    """
    head = request.head
    principal = await services.authenticator.authenticate(head.headers, head.query, peer=request.peer)
    record.tenant, record.key_id, record.subject = principal.tenant, principal.key_id, principal.subject
    return principal


async def understand(
    endpoint: Endpoint, request: Request, principal: Principal, record: Record, services: Services
) -> tuple[Call, Route]:
    """Read the request's body and find its model.

    Raises:
        InvalidRequest, RequestTooLarge, RequestTimeout, UnsupportedMediaType: The body is not a request.
        ModelNotFound, ModelSuspended: There is no such model for this principal, or not now.
        InvalidValue: The model is there for other endpoints.
    """
    content_type = request.head.firsts.get(b"content-type")
    body = await request.body.read()
    said = None if content_type is None else content_type.decode("latin-1")
    if endpoint.audio:
        call = await parse_form(endpoint, body, said)
    else:
        call = parse(endpoint, body, said, media_domains=services.media_domains)
    route = services.catalog.resolve(call.model, principal)
    record.model, record.revision, record.stream = route.identity, route.revision, call.stream
    services.in_flight.enter(record.model)
    if record.trace is not None:
        record.trace.model = call.model
    check_task(endpoint, call.model, route)
    return call, route


def check_task(endpoint: Endpoint, model: str, route: Route) -> None:
    """Return if a model's task is what an endpoint is for.

    Raises:
        InvalidValue: It is not; the error names the endpoints of the model's task.
    """
    served = paths_for(route.task)
    if endpoint.path not in served:
        raise InvalidValue(
            f"The model `{model}` has the task `{route.task}`, which {endpoint.path} is not for. "
            f"Ask it at {', '.join(served)}, or choose another model; GET /v1/models tells their tasks.",
            param="model",
        )


async def limit(inference: Inference, services: Services) -> None:
    """Reserve what the request may use; every reply from here on tells the client what is left.

    The cache is asked meanwhile: what it says counts for nothing before the limits allow the request.

    Raises:
        RateLimited: A limit is reached.
        LimiterUnavailable: Limits cannot be checked, and the policy is to refuse.
    """
    if inference.cache_rules.store:
        bound = inference.reservation.answer_bound
        inference.cache_key = services.cache.key(
            inference.principal, inference.route, inference.call, answer_bound=bound
        )
    try:
        look_ahead(inference, services)
        await services.limiter.reserve(inference.reservation)
        inference.reply.add_headers(inference.reservation.headers())
    except BaseException:  # cancellation too: a lead must be passed on
        step_back(inference, services)
        raise


async def replay(inference: Inference, services: Services) -> bool:
    """Answer with a kept or a shared answer, or with why there is none; return whether that is done."""
    key, record = inference.cache_key, inference.record
    if key is None:
        return False
    record.cache = CacheState.MISS
    try:
        cached = await look_up(inference, services, key) if inference.cache_rules.read else None
    except FairleadError as error:
        tell(inference, error)
        return True
    inference.reply.add_headers([(CACHE_HEADER, record.cache.value)])
    if cached is None:
        return False
    _send_cached(inference, cached)
    return True


async def send(inference: Inference, services: Services) -> None:
    """Send the call to its route and relay the answer; what goes wrong is told to the client here."""
    error = await deliver(inference, services)
    share(inference, services, error)
    if error is not None:
        tell(inference, error)


async def settle(inference: Inference, services: Services) -> None:
    """Charge what was used, keep a finished answer."""
    call, delivery, record = inference.call, inference.delivery, inference.record
    received_at = inference.request.received_at
    record.outcome, record.duration_s = delivery.outcome, _now() - received_at
    record.error_code = record.error_code or delivery.error_code
    if delivery.first_byte_at is not None:
        record.first_byte_s = delivery.first_byte_at - received_at
    record.usage = usage = delivery.settled_usage(
        prompt_estimate=inference.reservation.prompt_tokens,
        opening_frames=call.choices if call.endpoint.kind == "chat" else 0,
        answers=call.choices,
        sound_estimate=0 if call.form is None else call.form.least_seconds(),
    )
    await services.limiter.settle(inference.reservation, usage, delivery.outcome)
    if (
        inference.cache_key is not None
        and delivery.kept
        and usage is not None
        and delivery.outcome is Outcome.COMPLETED
    ):
        finished = CachedAnswer(
            delivery.content_type, b"".join(delivery.kept), usage.prompt_tokens, usage.completion_tokens
        )
        await services.cache.put(inference.cache_key, inference.principal, inference.route, finished)


def refuse(reply: Reply, record: Record, error: FairleadError) -> None:
    """Tell the client an error."""
    record.error_code = error.code
    record.status = CLIENT_LEFT if reply.gone else error.http_status
    reply.refuse(error)


def blame(record: Record, reply: Reply) -> None:
    """Take note that the gateway itself failed."""
    record.error_code = InternalError.code
    record.status = reply.status or InternalError.http_status


def tell(inference: Inference, error: FairleadError) -> None:
    """Tell the client of an admitted request an error; a stream whose head is out gets it as its last event."""
    reply = inference.reply
    if not reply.started or reply.finished:
        refuse(reply, inference.record, error)
        return
    inference.record.error_code = error.code
    reply.finish(sse_error(error, inference.call.endpoint.dialect, request_id=reply.request_id))


def _send_cached(inference: Inference, cached: CachedAnswer) -> None:
    delivery = inference.delivery
    delivery.outcome = Outcome.CACHED
    delivery.first_byte_at = _now()
    streamed = cached.content_type == EVENT_STREAM
    headers = STREAM_HEADERS if streamed else (("content-type", cached.content_type),)
    if inference.reply.started:
        inference.reply.finish(cached.body)
    else:
        inference.reply.send(200, headers, cached.body)


def _now() -> float:
    """Return the time now by the clock of the event loop, whose own time is that of its last turn."""
    return time.monotonic()
