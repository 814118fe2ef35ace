"""The tokens that a request cost, as the engine reports them; or the seconds of sound.

Three forms are understood: OpenAI's (`prompt_tokens`, `completion_tokens`), the Responses API's and Anthropic's (both
`input_tokens`, `output_tokens`; Anthropic counts cached input apart from the rest, OpenAI inside it).
"""

import msgspec

from fairlead_gateway.endpoints import Dialect


class Usage(msgspec.Struct, frozen=True):
    """What one request used.

    Attributes:
        prompt_tokens: All tokens of the prompt, cached ones included.
        completion_tokens: Tokens generated, reasoning included.
        cached_tokens: Prompt tokens that the engine did not have to compute.
        audio_seconds: Seconds of sound that it heard; such requests count no tokens.
    """

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0
    audio_seconds: int = 0

    @property
    def total_tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens


class _Details(msgspec.Struct):
    cached_tokens: int | None = None


class _Report(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    prompt_tokens_details: _Details | None = None
    input_tokens_details: _Details | None = None


class _Carrier(msgspec.Struct):
    """Any answer or event that may carry a report: at its top, or in the `response` or `message` that it holds."""

    usage: _Report | None = None
    response: "_Carrier | None" = None
    message: "_Carrier | str | None" = None


_decoder = msgspec.json.Decoder(_Carrier)


def usage_in(document: bytes, dialect: Dialect) -> Usage | None:
    """Return the usage that an answer's or an event's JSON reports, or None where it reports none."""
    try:
        carrier = _decoder.decode(document)
    except msgspec.DecodeError:
        return None
    for holder in (carrier, carrier.response, carrier.message):
        if isinstance(holder, _Carrier) and holder.usage is not None:
            return _usage(holder.usage, dialect)
    return None


def _usage(report: _Report, dialect: Dialect) -> Usage:
    if dialect is Dialect.ANTHROPIC:
        cached = report.cache_read_input_tokens or 0
        prompt = (report.input_tokens or 0) + cached + (report.cache_creation_input_tokens or 0)
        return Usage(prompt, report.output_tokens or 0, cached)
    details = report.prompt_tokens_details or report.input_tokens_details
    return Usage(
        prompt_tokens=report.prompt_tokens or report.input_tokens or 0,
        completion_tokens=report.completion_tokens or report.output_tokens or 0,
        cached_tokens=(details.cached_tokens or 0) if details is not None else 0,
    )
