"""The response cache in a real Valkey."""

import json
from typing import Any

import pytest
from redis.asyncio import Redis

from fairlead_gateway.cache import (
    INDEX_KEY,
    TOTAL_KEY,
    CacheBounds,
    CachedAnswer,
    CacheRules,
    ResponseCache,
    cache_rules,
)
from fairlead_gateway.call import Call
from fairlead_gateway.principal import Principal
from fairlead_gateway.redis_link import RedisLink
from fairlead_gateway.usage import Usage
from tests.gateway.builders import ACME, GLOBEX, call, lost_redis, route

ANSWER = CachedAnswer("application/json", b'{"choices": []}', 3, 4)
SECRET = b"s" * 32


def cache(redis: RedisLink, **options: Any) -> ResponseCache:
    return ResponseCache(redis, SECRET, **options)


def key(question: Call, principal: Principal = ACME, **fields: Any) -> str:
    """The name of a question that is kept."""
    found = cache(lost_redis()).key(principal, route(**fields), question)
    assert found is not None
    return found


def greedy(**fields: Any) -> Call:
    return call(temperature=0, **fields)


async def look_up(answers: ResponseCache, name: str, principal: Principal) -> CachedAnswer | None:
    return await answers.get(name, principal, answers.ask(name))


async def test_a_kept_answer_is_found_again(link: RedisLink) -> None:
    """What was put is what is got, usage included."""
    answers, name = cache(link), key(greedy())
    assert await look_up(answers, name, ACME) is None
    await answers.put(name, ACME, route(), ANSWER)
    found = await look_up(answers, name, ACME)
    assert found == ANSWER
    assert found.usage == Usage(3, 4)


@pytest.mark.parametrize(
    "change",
    [
        {"temperature": 0.0},
        {"seed": 1},
        {"top_p": 0.5},
        {"top_k": 5},
        {"min_p": 0.1},
        {"max_tokens": 5},
        {"max_completion_tokens": 5},
        {"stop": "a"},
        {"presence_penalty": 1},
        {"frequency_penalty": 1},
        {"repetition_penalty": 1.1},
        {"logit_bias": {"1": 1}},
        {"logprobs": True},
        {"ignore_eos": True},
        {"min_tokens": 1},
        {"response_format": {"type": "json_object"}},
        {"tools": [{"type": "function", "function": {"name": "f"}}]},
        {"reasoning_effort": "low"},
        {"stream": True},
        {"messages": [{"role": "user", "content": "How are you? "}]},
        {"messages": [{"role": "system", "content": "How are you?"}]},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_change_of_any_field_that_reaches_the_answer_misses(change: dict[str, Any]) -> None:
    """Sampling, format, prompt and streaming are all in the key."""
    assert key(call(**{"temperature": 0, **change})) != key(greedy())


@pytest.mark.parametrize("change", [{"user": "u"}, {"metadata": {"a": "b"}}, {"store": False}, {"cache_salt": "c"}])
def test_fields_that_only_name_the_caller_do_not_miss(change: dict[str, Any]) -> None:
    """Who asks inside a tenant makes no difference to the answer."""
    assert key(greedy(**change)) == key(greedy())


def test_the_order_of_fields_and_white_space_around_them_do_not_miss() -> None:
    """The same question written by another client is the same question."""
    turned = b'{"temperature":0,\n "messages": [{"role": "user", "content": "How are you?"}], "model": "demo"}'
    assert key(call(content=turned)) == key(greedy())


def test_an_alias_is_the_model_that_it_names() -> None:
    """A question is the same under every name of a model."""
    assert key(greedy(model="alias")) == key(greedy())


@pytest.mark.parametrize("changed", [{"name": "other"}, {"revision": "r2"}])
def test_another_model_or_revision_misses(changed: dict[str, Any]) -> None:
    """New weights or arguments make all old answers old."""
    assert key(greedy(), **changed) != key(greedy())


def test_another_tenant_misses() -> None:
    """Tenants never share answers."""
    assert key(greedy(), GLOBEX) != key(greedy(), ACME)


def test_another_endpoint_misses() -> None:
    """The same fields mean something else elsewhere."""
    fields = {"model": "demo", "temperature": 0, "max_tokens": 5, "messages": [{"role": "user", "content": "a"}]}
    body = json.dumps(fields).encode()
    assert key(call(content=body)) != key(call("/v1/messages", body))


def test_the_responses_api_counts_what_it_repeats() -> None:
    """Its answers repeat `metadata`, so there it is part of the key."""
    questions = [
        json.dumps({"model": "demo", "input": "a", "temperature": 0, "metadata": {"a": b}}).encode() for b in "xy"
    ]
    assert key(call("/v1/responses", questions[0])) != key(call("/v1/responses", questions[1]))


def test_an_installation_with_another_secret_has_other_names() -> None:
    """Whoever reads Redis cannot test for questions."""
    other = ResponseCache(lost_redis(), b"t" * 32)
    assert other.key(ACME, route(), greedy()) != key(greedy())


@pytest.mark.parametrize(
    "question, fields",
    [
        pytest.param(call(), {}, id="not deterministic"),
        pytest.param(greedy(), {"cache_enabled": False}, id="switched off for the model"),
        pytest.param(call("/tokenize", b'{"model": "demo", "prompt": "a"}'), {}, id="not generating"),
    ],
)
def test_what_is_not_to_be_kept_has_no_key(question: Call, fields: dict[str, Any]) -> None:
    """Only deterministic answers of models that allow it are kept."""
    assert cache(lost_redis()).key(ACME, route(**fields), question) is None


async def test_an_entry_under_a_foreign_key_is_not_given_out(redis: Redis, link: RedisLink) -> None:
    """A value that does not carry its own key and tenant is none of yours."""
    foreign: list[bool] = []
    answers = cache(link, on_foreign=lambda: foreign.append(True))
    mine, theirs = key(greedy(), ACME), key(greedy(), GLOBEX)
    await answers.put(theirs, GLOBEX, route(), ANSWER)
    await redis.copy(theirs, mine)
    assert await look_up(answers, mine, ACME) is None
    assert await look_up(answers, theirs, ACME) is None
    assert len(foreign) == 2


async def test_a_broken_entry_is_a_miss(redis: Redis, link: RedisLink) -> None:
    """Bytes that nobody here wrote are ignored."""
    name = key(greedy())
    await redis.set(name, b"\xff garbage")
    assert await look_up(cache(link), name, ACME) is None


async def test_an_answer_expires_with_the_models_time_to_live(redis: Redis, link: RedisLink) -> None:
    """`spec.cache` says how long answers stay fresh."""
    name = key(greedy())
    await cache(link).put(name, ACME, route(cache_ttl_s=77), ANSWER)
    assert 75 < await redis.ttl(name) <= 77


async def test_an_answer_beyond_the_entry_bound_is_not_kept(redis: Redis, link: RedisLink) -> None:
    """One huge answer does not push all others out."""
    answers = cache(link, bounds=CacheBounds(entry_bytes=10))
    await answers.put(key(greedy()), ACME, route(), ANSWER)
    assert await redis.keys("*") == []


def numbered(number: int) -> str:
    return key(greedy(seed=number))


async def test_the_oldest_answers_make_room_within_the_byte_budget(redis: Redis, link: RedisLink) -> None:
    """All answers together stay below the budget, and those that expire first go first."""
    answers = cache(link, bounds=CacheBounds(total_bytes=2000))
    large = CachedAnswer("application/json", b"x" * 400, 1, 1)
    for number in range(10):
        await answers.put(numbered(number), ACME, route(cache_ttl_s=1000 + number), large)
    kept = [number for number in range(10) if await look_up(answers, numbered(number), ACME) is not None]
    assert kept == [7, 8, 9]
    sizes = [await redis.strlen(numbered(number)) for number in kept]
    assert int(await redis.get(TOTAL_KEY) or 0) == sum(sizes) <= 2000
    assert await redis.zcard(INDEX_KEY) == 3


async def test_putting_an_answer_again_counts_it_once(redis: Redis, link: RedisLink) -> None:
    """The running sum follows what is really there."""
    answers = cache(link)
    for body in (b"x" * 100, b"y" * 300, b"z" * 200):
        await answers.put(numbered(1), ACME, route(), CachedAnswer("a", body, 1, 1))
    assert int(await redis.get(TOTAL_KEY) or 0) == await redis.strlen(numbered(1))
    assert await redis.zcard(INDEX_KEY) == 1


async def test_expired_answers_leave_the_sum(redis: Redis, link: RedisLink) -> None:
    """What has expired by itself takes no part of the budget."""
    answers = cache(link)
    await answers.put(numbered(1), ACME, route(), ANSWER)
    member = f"{await redis.strlen(numbered(1))}:{numbered(1)}"
    await redis.zadd(INDEX_KEY, {member: 1})
    await redis.delete(numbered(1))
    await answers.put(numbered(2), ACME, route(), ANSWER)
    assert int(await redis.get(TOTAL_KEY) or 0) == await redis.strlen(numbered(2))


async def test_without_redis_nothing_is_found_and_nothing_is_kept() -> None:
    """A lost cache is a miss, never an error."""
    answers = cache(lost_redis())
    await answers.put(key(greedy()), ACME, route(), ANSWER)
    assert await look_up(answers, key(greedy()), ACME) is None


@pytest.mark.parametrize(
    "header, rules",
    [
        (None, CacheRules(read=True, store=True)),
        (b"max-age=60", CacheRules(read=True, store=True)),
        (b"no-cache", CacheRules(read=False, store=True)),
        (b"Max-Age=0", CacheRules(read=False, store=True)),
        (b"private, No-Store", CacheRules(read=False, store=False)),
        (b"no-cache, no-store", CacheRules(read=False, store=False)),
    ],
)
def test_the_clients_cache_control_is_honoured(header: bytes | None, rules: CacheRules) -> None:
    """RFC 9111's request directives mean here what they mean anywhere."""
    assert cache_rules([] if header is None else [(b"cache-control", header)]) == rules


def test_a_bound_that_a_quota_sets_is_part_of_the_question() -> None:
    """An answer that one caller's quota may have cut is not given to a caller without that quota."""
    answers = cache(lost_redis())
    names = {answers.key(ACME, route(), greedy(), answer_bound=bound) for bound in (None, 100, 200)}
    assert len(names) == 3
