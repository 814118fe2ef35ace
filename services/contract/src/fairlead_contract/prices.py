"""What tokens cost, per model, as the tenants file declares it.

    prices:
      demo: {input: 0.10, cachedInput: 0.05, output: 0.40}

Prices are per million tokens, in whatever currency the installation counts in, and exact to nine decimals.
"""

from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

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
