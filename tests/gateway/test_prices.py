"""What requests cost, to the billionth."""

from decimal import Decimal

import pytest

from fairlead_contract.prices import Price
from fairlead_contract.tenants import Tenants
from fairlead_gateway.prices import PriceList, Tariff, money
from fairlead_gateway.usage import Usage
from tests.gateway.builders import fixed

TENTH = Price(input=Decimal("0.10"), cached_input=Decimal("0.05"), output=Decimal("0.40"))


@pytest.mark.parametrize(
    "price, usage, billionths",
    [
        (TENTH, Usage(1_000_000, 0), 100_000_000),
        (TENTH, Usage(1_000_000, 0, 1_000_000), 50_000_000),
        (TENTH, Usage(0, 1_000_000), 400_000_000),
        (TENTH, Usage(7, 3), 1_900),
        (TENTH, Usage(7, 3, 2), 1_800),
        (TENTH, Usage(7, 3, 9), 1_550),
        (Price(input=Decimal(1), output=Decimal(0)), Usage(10, 10, 10), 10_000),
        (Price(input=Decimal("0.0005"), output=Decimal(0)), Usage(1, 0), 1),
        (Price(input=Decimal("0.000499999"), output=Decimal(0)), Usage(1, 0), 0),
        (Price(input=Decimal("0.0000001"), output=Decimal(0)), Usage(10**10, 0), 1_000_000),
        (Price(input=Decimal(0), output=Decimal(0)), Usage(10, 10), 0),
        (Price(audio_minute=Decimal("0.006")), Usage(0, 0, audio_seconds=90), 9_000_000),
        (Price(audio_minute=Decimal("0.000000001")), Usage(0, 0, audio_seconds=29), 0),
        (Price(audio_minute=Decimal("0.000000001")), Usage(0, 0, audio_seconds=30), 1),
    ],
)
def test_cost(price: Price, usage: Usage, billionths: int) -> None:
    """Tokens cost their share of a million's price, seconds theirs of a minute's, rounded once to a billionth."""
    assert Tariff.of(price).cost(usage) == billionths


def test_a_model_without_a_price_is_not_free() -> None:
    """No price gives no cost; a price and no tokens give a cost of nothing."""
    prices = PriceList(fixed(Tenants(plans={}, tenants={}, prices={"demo": TENTH})))
    assert prices.cost("demo", Usage(7, 3)) == 1_900
    assert prices.cost("demo", None) == 0
    assert prices.cost("other", Usage(7, 3)) is None
    assert prices.cost("", None) is None


def test_a_new_price_counts_from_the_next_request() -> None:
    """The tenants file may change at any time."""
    file = fixed(Tenants(plans={}, tenants={}, prices={"demo": TENTH}))
    prices = PriceList(file)
    before = prices.cost("demo", Usage(10, 0))
    file.value = Tenants(plans={}, tenants={}, prices={"demo": Price(input=Decimal(1), output=Decimal(1))})
    assert (before, prices.cost("demo", Usage(10, 0))) == (1_000, 10_000)


@pytest.mark.parametrize(
    "billionths, text", [(0, "0.000000000"), (1, "0.000000001"), (10**18 + 1, "1000000000.000000001")]
)
def test_money_is_shown_whole(billionths: int, text: str) -> None:
    """An amount is text with nine decimals, however small or large it is."""
    assert money(billionths) == text
