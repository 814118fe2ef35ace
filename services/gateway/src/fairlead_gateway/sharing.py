"""Answers that a request need not fetch itself: kept ones, and those that another request is fetching."""

import asyncio
from typing import TYPE_CHECKING

from fairlead_contract.errors import FairleadError, UpstreamTimeout
from fairlead_gateway.cache import CachedAnswer, CacheState
from fairlead_gateway.flights import Follower
from fairlead_gateway.limits import Outcome
from fairlead_gateway.redis_link import drop
from fairlead_gateway.waiting import Waiter

if TYPE_CHECKING:
    from fairlead_gateway.pipeline import Inference, Services

RETRY_S = 1.0


def look_ahead(inference: "Inference", services: "Services") -> None:
    """Ask the cache where nobody else does, so that its answer comes while the limits are asked."""
    key = inference.cache_key
    if key is not None and inference.cache_rules.read and services.resilience.flights.lead(key):
        inference.leads = key
        inference.asked = services.cache.ask(key)


async def look_up(inference: "Inference", services: "Services", key: str) -> CachedAnswer | None:
    """Return a kept or a shared answer, or None where this request is the one to fetch it.

    Raises:
        FairleadError: The question is at fault, too many wait for its answer, or it took too long.
        ClientLeft: The client left while it waited.
    """
    flights = services.resilience.flights
    if inference.leads is None:
        if not flights.lead(key):
            shared = flights.landed(key) or await _follow(inference, services, key)
            if shared is not None:
                inference.record.cache = CacheState.SHARED
                return shared
        inference.leads = key
        inference.asked = services.cache.ask(key)
    asked, inference.asked = inference.asked, None
    cached = await services.cache.get(key, inference.principal, asked)
    inference.record.cache = CacheState.MISS if cached is None else CacheState.HIT
    if cached is not None:
        flights.land(key, cached)
    return cached


def share(inference: "Inference", services: "Services", error: FairleadError | None) -> None:
    """Let those who follow have what this request came to: its answer, or a refusal that would be theirs as well."""
    key, delivery = inference.leads, inference.delivery
    if key is None:
        return
    if delivery.outcome is Outcome.COMPLETED and delivery.kept:
        usage = delivery.usage
        tokens = (0, 0) if usage is None else (usage.prompt_tokens, usage.completion_tokens)
        services.resilience.flights.land(key, CachedAnswer(delivery.content_type, b"".join(delivery.kept), *tokens))
    elif error is not None and not error.retryable and error.http_status < 500:  # noqa: PLR2004 - a mistake of the client
        services.resilience.flights.refuse(key, error)


def step_back(inference: "Inference", services: "Services") -> None:
    """Give the lead up, if this request has it, and want nothing of the cache any more."""
    asked, inference.asked = inference.asked, None
    if asked is not None:
        drop(asked)
    key, inference.leads = inference.leads, None
    if key is not None:
        services.resilience.flights.leave(key)


async def _follow(inference: "Inference", services: "Services", key: str) -> CachedAnswer | None:
    inference.begin_waiting(services)
    follower: Follower = Waiter(inference.reply)
    inference.deadline_at = ends_at = inference.ends_at(services)
    try:
        return await services.resilience.flights.follow(key, follower, ends_at - asyncio.get_running_loop().time())
    except TimeoutError:
        raise UpstreamTimeout(
            "The same question is under way and was not answered in time. Retry shortly.", retry_after_s=RETRY_S
        ) from None
