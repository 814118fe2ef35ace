"""What a request costs, exactly.

Money is counted in whole billionths of the currency, so that sums of millions of requests agree to the last digit
wherever they are made. A request's cost is computed in integers and rounded once, half up, to a billionth; whatever is
summed after that is a sum of integers.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from fairlead_contract.prices import Price
from fairlead_contract.tenants import Tenants
from fairlead_gateway.costs import BILLION
from fairlead_gateway.current import Current
from fairlead_gateway.usage import Usage

MILLION: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Tariff:
    """A price in billionths of the currency per million tokens, which is exact for every price that can be declared.

    Attributes:
        audio_minute: Billionths of the currency per minute of sound.
    """

    input: int
    cached_input: int
    output: int
    audio_minute: int = 0

    @classmethod
    def of(cls, price: Price) -> "Tariff":
        """Convert a declared price."""
        cached = price.input if price.cached_input is None else price.cached_input
        return cls(
            _billionths(price.input), _billionths(cached), _billionths(price.output), _billionths(price.audio_minute)
        )

    def cost(self, usage: Usage) -> int:
        """Return what tokens or sound cost, in billionths of the currency."""
        cached = min(usage.cached_tokens, usage.prompt_tokens)
        total = (
            (usage.prompt_tokens - cached) * self.input
            + cached * self.cached_input
            + usage.completion_tokens * self.output
        )
        sixtieths = total * 60 + usage.audio_seconds * self.audio_minute * MILLION
        return (sixtieths + 30 * MILLION) // (60 * MILLION)


class PriceList:
    """The declared prices, from memory; what they were read from may change at any time."""

    def __init__(self, current: Current[Tenants]) -> None:
        self._current = current
        self._tariffs: dict[str, Tariff] = {}
        self._tariffs_of: Tenants | None = None

    def cost(self, model: str, usage: Usage | None) -> int | None:
        """Return what a request cost in billionths of the currency, or None where its model has no price.

        Args:
            model: Name of the ModelDeployment.
            usage: Tokens charged; None costs nothing.
        """
        tenants = self._current.value
        if tenants is not self._tariffs_of:
            self._tariffs = {name: Tariff.of(price) for name, price in tenants.prices.items()}
            self._tariffs_of = tenants
        tariff = self._tariffs.get(model)
        if tariff is None:
            return None
        return 0 if usage is None else tariff.cost(usage)


def money(billionths: int) -> str:
    """Return an amount in the currency as text, with all nine decimals."""
    return f"{Decimal(billionths).scaleb(-9):f}"


def _billionths(amount: Decimal) -> int:
    return int(amount * BILLION)
