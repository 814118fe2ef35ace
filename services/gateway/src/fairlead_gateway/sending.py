"""Sends an admitted request until it has an answer.

It is sent once, and again only after it was held because nobody was there to answer: as often as it takes where it
never reached an engine, once where it may have been what brought the engine down.
"""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from fairlead_contract.errors import FairleadError, ModelLoading, UpstreamTimeout
from fairlead_gateway.call import rewrite
from fairlead_gateway.doors import verdict
from fairlead_gateway.holding import Holding, held
from fairlead_gateway.outcome import Outcome
from fairlead_gateway.relay import Relay
from fairlead_gateway.sharing import step_back
from fairlead_gateway.waiting import Waiter

if TYPE_CHECKING:
    from fairlead_gateway.pipeline import Inference, Services

STARTING: Final = "The model is starting. Retry shortly."


async def deliver(inference: "Inference", services: "Services") -> FairleadError | None:
    """Send a call to its route and relay the answer; return why the client has got none, if it has not.

    Raises:
        ClientLeft: The client left while its request was held.
    """
    holding = _holding(inference, services)
    if inference.call.stream:
        inference.begin_waiting(services)
    if holding is None:
        return await _attempt(inference, services)
    error: FairleadError | None
    error = ModelLoading(STARTING) if holding.cold(inference.route.identity) else await _attempt(inference, services)
    while error is not None and held(error) and (type(error) is ModelLoading or inference.resend.take()):
        refused = await _hold(inference, services, holding, error)
        if refused is not None:
            return refused
        error = await _attempt(inference, services)
    return error


def _body(inference: "Inference", services: "Services") -> Sequence[bytes | memoryview]:
    """Return the body for the engine; it is made anew for each sending, so that who is held holds what came alone."""
    call = inference.call
    if call.form is not None:
        return call.form.pieces(inference.route.served_name)
    if call.stream and call.endpoint.paced:
        inference.tokens_per_event = call.tokens_per_event or services.pace.tokens_per_event
    body = rewrite(
        call,
        inference.route,
        services.salts.of(inference.principal.tenant),
        tokens_per_event=inference.tokens_per_event,
        answer_bound=inference.reservation.answer_bound,
    )
    return (body,)


def _holding(inference: "Inference", services: "Services") -> Holding | None:
    holding = services.resilience.holding
    return holding if holding is not None and holding.rules.bound_s(stream=inference.call.stream) else None


async def _attempt(inference: "Inference", services: "Services") -> FairleadError | None:
    """Send a call once."""
    call, route, reply = inference.call, inference.route, inference.reply
    loop = asyncio.get_running_loop()
    door = services.resilience.doors.of(route.identity)
    try:
        how = door.enter(loop.time())
    except FairleadError as error:
        return error
    body = _body(inference, services)
    relay = Relay(
        reply,
        dialect=call.endpoint.dialect,
        hide_usage=call.endpoint.usage_on_request and not call.include_usage,
        keep=inference.cache_key is not None,
        streamable=call.endpoint.streamable,
        on_slow=None if inference.leads is None else lambda: step_back(inference, services),
    )
    inference.delivery = delivery = relay.delivery
    delivery.tokens_per_event = inference.tokens_per_event
    inference.record.queue_s = loop.time() - inference.request.received_at
    if inference.heartbeat is not None:
        inference.heartbeat.delivery = delivery
    left_s = None if inference.deadline_at is None else inference.deadline_at - loop.time()
    trace = inference.record.trace
    attempt = None if trace is None else trace.attempt(call, route)
    try:
        await services.sender.send(
            route,
            call.endpoint,
            inference.request,
            body,
            relay,
            content_type=call.content_type,
            stream=call.stream,
            resend=inference.resend,
            left_s=left_s,
            attempt=attempt,
        )
    except FairleadError as error:
        relay.broken(error)
        if inference.hurried and isinstance(error, UpstreamTimeout):
            delivery.outcome = Outcome.ABORTED  # the client's own deadline: what was worked on is charged
    finally:
        if attempt is not None:
            attempt.end(relay.status, "" if relay.error is None else relay.error.code, delivery)
        code = _blamed(relay.error, inference, services)
        door.leave(how, verdict(delivery, code, hurried=inference.hurried), loop.time())
    return relay.take_error()


def _blamed(error: FairleadError | None, inference: "Inference", services: "Services") -> str:
    """Return the code of the error that speaks against the model; "" where there is none, or it is waited out."""
    is_awaited = error is not None and held(error) and _holding(inference, services) is not None
    return "" if error is None or is_awaited else error.code


async def _hold(
    inference: "Inference", services: "Services", holding: Holding, error: FairleadError
) -> FairleadError | None:
    """Wait until the route's model answers; return why that was given up, if it was."""
    name, loop = inference.route.identity, asyncio.get_running_loop()
    bound_at = inference.request.received_at + holding.rules.bound_s(stream=inference.call.stream)
    inference.deadline_at = inference.ends_at(services)
    try:
        left_s = min(bound_at, inference.deadline_at) - loop.time()
        await holding.wait(inference.route, Waiter(inference.reply), left_s)
    except TimeoutError:
        error.retry_after_s = holding.retry_after_s(name)
        return error
    except FairleadError as refused:
        return refused
    return None
