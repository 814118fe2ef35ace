"""What tokens cost, per model, as the tenants file declares it.

    prices:
      demo: {input: 0.10, cachedInput: 0.05, output: 0.40}

Prices are per million tokens, in whatever currency the installation counts in, and exact to nine decimals.
"""

from decimal import Decimal
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from fairlead_contract.mistakes import mistake

PerMillion = Annotated[Decimal, Field(ge=0, le=1_000_000, decimal_places=9, allow_inf_nan=False)]


class Price(BaseModel):
    """The price of a million tokens of one model.

    Attributes:
        input: Of the prompt.
        cached_input: Of the prompt's part that the engine had in its prefix cache; as `input` where it is absent.
        output: Of the answer.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, alias_generator=to_camel, populate_by_name=True)

    input: PerMillion
    cached_input: PerMillion | None = None
    output: PerMillion

    @model_validator(mode="after")
    def _cached_is_no_dearer(self) -> Self:
        """A quota is reserved at the price of fresh input, which must be an upper bound."""
        if self.cached_input is not None and self.cached_input > self.input:
            raise mistake("is more than input", "write at most the price of input", at="cachedInput")
        return self
