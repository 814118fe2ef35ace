"""What tokens and sound cost, per model, as the tenants file declares it.

    prices:
      demo: {input: 0.10, cachedInput: 0.05, output: 0.40}
      whisper: {audioMinute: 0.006}

Prices are per million tokens, or per minute of sound, in whatever currency the installation counts in, and exact to
nine decimals.
"""

from decimal import Decimal
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from fairlead_contract.mistakes import mistake

PerMillion = Annotated[Decimal, Field(ge=0, le=1_000_000, decimal_places=9, allow_inf_nan=False)]


class Price(BaseModel):
    """The prices of one model: of a million tokens, or of a minute of sound.

    Attributes:
        input: Of the prompt.
        cached_input: Of the prompt's part that the engine had in its prefix cache; as `input` where it is absent.
        output: Of the answer.
        audio_minute: Of sound that is transcribed or translated; counted by seconds. With it, tokens need no price.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, alias_generator=to_camel, populate_by_name=True)

    input: PerMillion = Decimal(0)
    cached_input: PerMillion | None = None
    output: PerMillion = Decimal(0)
    audio_minute: PerMillion = Decimal(0)

    @model_validator(mode="after")
    def _something_has_a_price(self) -> Self:
        """A price that was forgotten must not make tokens free."""
        for name in ("input", "output"):
            if name not in self.model_fields_set and "audio_minute" not in self.model_fields_set:
                raise mistake("is missing", "add it, or audioMinute where the model hears sound", at=name)
        return self

    @model_validator(mode="after")
    def _cached_is_no_dearer(self) -> Self:
        """A quota is reserved at the price of fresh input, which must be an upper bound."""
        if self.cached_input is not None and self.cached_input > self.input:
            raise mistake("is more than input", "write at most the price of input", at="cachedInput")
        return self
