"""API keys that open nothing."""

from collections.abc import Callable

import pytest

from tests.gateway.lets_no_one_in.house import House, ours

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEYS: dict[str, Callable[[House], str]] = {
    "a key that nobody made": lambda house: house.keys["unknown"],
    "a revoked key": lambda house: house.keys["revoked"],
    "an expired key": lambda house: house.keys["expired"],
    "what a key was before it was rotated, after its time of grace": lambda house: house.keys["rotated"],
    "a key of a disabled tenant": lambda house: house.keys["closed"],
    "a key of a tenant that was removed": lambda house: house.keys["nobodys"],
    "a key of another environment, under the same id": lambda house: house.keys["elsewhere"],
    "a key's prefix": lambda house: house.keys["good"][:3],
    "a key's id": lambda house: house.keys["good"][:16],
    "a key without its last character": lambda house: house.keys["good"][:-1],
    "a key with one character more": lambda house: house.keys["good"] + "A",
    "a key with another last character": lambda house: house.keys["good"][:-1] + "-",
    "a key in capitals": lambda house: house.keys["good"].upper(),
    "a key in lower case": lambda house: house.keys["good"].lower(),
    "a key with its case swapped": lambda house: house.keys["good"][:16] + house.keys["good"][16:].swapcase(),
    "one key's id with another's secret": lambda house: house.keys["good"][:16] + house.keys["scoped"][16:],
    "a key's stored hash": lambda house: "fl-" + "0" * 12 + "-" + "a" * 43,
    "a key in quotes": lambda house: f'"{house.keys["good"]}"',
    "two keys with a comma": lambda house: f"{house.keys['good']},{house.keys['good']}",
    "SQL for an id": lambda house: "fl-' OR 1=1 --",
    "a path for an id": lambda house: "fl-../../etc/passwd",
}

REFUSED: dict[str, tuple[Callable[[House], list[str]], int]] = {
    "no credential at all": (lambda house: [], 401),
    "a key as a basic password": (lambda house: ["Authorization: Basic OmtleQ=="], 401),
    "a key without a scheme": (lambda house: [f"Authorization: {house.keys['good']}"], 401),
    "a key under another scheme": (lambda house: [f"Authorization: Token {house.keys['good']}"], 401),
    "a key in a cookie": (lambda house: [f"Cookie: authorization=Bearer {house.keys['good']}"], 401),
    "a key in a header of another API": (lambda house: [f"api-key: {house.keys['good']}"], 401),
    "two Authorization headers": (lambda house: [f"Authorization: Bearer {house.keys['good']}"] * 2, 400),
    "two x-api-key headers": (lambda house: [f"x-api-key: {house.keys['good']}"] * 2, 400),
    "two good credentials that are not one": (
        lambda house: [f"Authorization: Bearer {house.keys['good']}", f"x-api-key: {ours(tenant='globex')}"],
        401,
    ),
    "a good key beside a bad one": (
        lambda house: [f"Authorization: Bearer {house.keys['good']}", f"x-api-key: {house.keys['unknown']}"],
        401,
    ),
}


async def test_a_good_key_comes_in(house: House) -> None:
    """The door is not simply shut."""
    assert (await house.knock(credential=house.keys["good"])).status == 200
    assert len(house.upstream.seen) == 1


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS.keys())
async def test_a_key_opens_nothing(house: House, key: Callable[[House], str]) -> None:
    """No such key comes in, neither to a model nor to what the gateway itself tells."""
    for asked in ("POST /v1/chat/completions", "GET /v1/models"):
        answer = await house.knock(credential=key(house), asked=asked)
        assert (answer.status, answer.json["error"]["code"]) == (401, "invalid_api_key")
    assert house.upstream.seen == []


@pytest.mark.parametrize("headers, status", REFUSED.values(), ids=REFUSED.keys())
async def test_a_key_is_taken_in_its_place_alone(
    house: House, headers: Callable[[House], list[str]], status: int
) -> None:
    """Where there is no credential, or more than one, nobody comes in."""
    assert (await house.knock(*headers(house))).status == status
    assert house.upstream.seen == []


@pytest.mark.parametrize(
    "name", ["key", "api_key", "api-key", "token", "access_token", "ACCESS_TOKEN", "access%5ftoken"]
)
async def test_a_key_in_the_address_is_refused(house: House, name: str) -> None:
    """Addresses end up in logs, so a key in one opens nothing, not even beside a good one."""
    key = house.keys["good"]
    for asked in (f"POST /v1/chat/completions?{name}={key}", f"GET /v1/models?{name}={key}"):
        assert (await house.knock(asked=asked)).status == 401
        assert (await house.knock(asked=asked, credential=key)).status == 401
    assert house.upstream.seen == []
