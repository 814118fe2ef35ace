from decimal import Decimal

import pytest

from fairlead_contract.errors import ManifestError
from fairlead_contract.prices import Price
from fairlead_contract.tenants import Limits, parse_tenants

GOOD = """
plans:
  default: {requestsPerMinute: 600, tokensPerMinute: 1000}
tenants:
  local: {plan: default}
  acme: {plan: default, limits: {requestsPerMinute: 5}}
"""


def test_smallest_limit_holds() -> None:
    """A tenant has the smaller of its own limit and its plan's."""
    tenants = parse_tenants(GOOD, where="tenants.yaml")

    assert tenants.limits_of("local") == Limits(requests_per_minute=600, tokens_per_minute=1000)
    assert tenants.limits_of("acme") == Limits(requests_per_minute=5, tokens_per_minute=1000)


def test_prices_are_read_as_they_are_written() -> None:
    """A price is a decimal number, exactly; that of cached input may be left out."""
    tenants = parse_tenants(f"{GOOD}prices: {{demo: {{input: 0.1, output: 0.123456789}}}}", where="tenants.yaml")

    assert tenants.prices == {"demo": Price(input=Decimal("0.1"), output=Decimal("0.123456789"))}
    assert tenants.prices["demo"].cached_input is None


def test_sound_has_a_price_by_the_minute() -> None:
    """A model that hears sound needs no price of tokens."""
    tenants = parse_tenants(f"{GOOD}prices: {{whisper: {{audioMinute: 0.006}}}}", where="tenants.yaml")
    assert tenants.prices == {"whisper": Price(audio_minute=Decimal("0.006"))}


def test_every_limit_can_be_declared_and_the_smallest_of_each_holds() -> None:
    """Quotas and parallel requests follow the rule of the limits per minute; money may be whole or not."""
    text = """
plans:
  default: {parallelRequests: 32, tokensPerDay: 5000000, costPerDay: 20}
tenants:
  acme: {plan: default, limits: {tokensPerDay: 1000, costPerDay: 0.5}}
"""
    limits = parse_tenants(text, where="tenants.yaml").limits_of("acme")
    assert limits == Limits(parallel_requests=32, tokens_per_day=1000, cost_per_day=0.5)


@pytest.mark.parametrize(
    "text, words",
    [
        ("", "mapping"),
        ("plans: {}\ntenants: {a: {plan: gold}}", "tenants.a.plan: plan 'gold' is not declared; write one of: none"),
        ("plans: {a: {rpm: 1}}\ntenants: {}", "plans.a.rpm: is not a known field"),
        ("plans: {a: {requestsPerMinute: '1'}}\ntenants: {}", "without quotes"),
        ("plans: {a: {requestsPerMinute: 0}}\ntenants: {}", "at least 1"),
        ("plans: {a: {costPerDay: 0}}\ntenants: {}", "plans.a.costPerDay"),
        ("plans: {a: {parallelRequests: 1.5}}\ntenants: {}", "plans.a.parallelRequests"),
        ("plans: {a: {}}\ntenants: {'A B': {plan: a}}", "form"),
        ("plans: {a: {}}\ntenants: {b: {}}", "tenants.b.plan: is missing"),
        ("plans: {a: {}}\ntenants: {b: {plan: a, grants: {routes: [chta]}}}", "'chta' is no route; write 'chat'"),
        ("plans: {a: {}}\ntenants: {b: {plan: a, grants: {route: [chat]}}}", "grants.route: is not a known field"),
        ("plans: {a: {}}\ntenants: {b: {plan: a, grants: {models: demo}}}", "grants.models: is 'demo'"),
        ("plans: [", "not valid YAML"),
        ("plans: {}\ntenants: {}\nprices: {demo: {input: 1}}", "prices.demo.output: is missing"),
        ("plans: {}\ntenants: {}\nprices: {demo: {input: -1, output: 1}}", "a number of at least 0"),
        ("plans: {}\ntenants: {}\nprices: {demo: {input: .nan, output: 1}}", "finite number"),
        ("plans: {}\ntenants: {}\nprices: {demo: {input: 0.0000000001, output: 1}}", "9 decimal places"),
        ("plans: {}\ntenants: {}\nprices: {demo: {input: 1, output: 1, cachedinput: 1}}", "write 'cachedInput'"),
        ("plans: {}\ntenants: {}\nprices: {demo: {input: 1, cachedInput: 2, output: 1}}", "at most the price of input"),
        ("plans: {}\ntenants: {}\nprices: {'org/Demo': {input: 1, output: 1}}", "form"),
    ],
)
def test_wrong_file(text: str, words: str) -> None:
    """A wrong tenants file is refused with a line that says why."""
    with pytest.raises(ManifestError) as refused:
        parse_tenants(text, where="tenants.yaml")

    assert words in str(refused.value)
