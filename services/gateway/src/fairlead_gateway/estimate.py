"""What a request is charged before it runs.

Soft limits take an estimate, which settling corrects:

    tokens = ceil(prompt bytes / 4) + answers x answer tokens,   at most the limit

with the stated bound of the answer, or else at most 1,024 tokens and a quarter of the limit, so that a small limit does
not refuse every request that states none. Four bytes per token is what English text has.

Hard quotas take a bound, which no request passes: a token stands for at least one byte of the prompt, what chat
templates add of their own is allowed for, and where no bound of the answer is stated the engine is told one. Sound
counts as the longest that an engine takes.
"""

from collections.abc import Sequence
from typing import Final

from fairlead_gateway.buckets import Bucket
from fairlead_gateway.call import Call
from fairlead_gateway.costs import Cost
from fairlead_gateway.sound import LONGEST_AUDIO_S
from fairlead_gateway.usage import Usage

BYTES_PER_TOKEN: Final = 4
DEFAULT_ANSWER_TOKENS: Final = 1024
TEMPLATE_TOKENS: Final = 64
"""What a chat template adds that is no part of the request, such as a default system prompt."""


def prompt_tokens(call: Call) -> int:
    """Return the estimate of a prompt's tokens, once per answer of a list of prompts being part of the same bytes."""
    return -(-call.prompt_bytes // BYTES_PER_TOKEN)


def tokens_of(call: Call, limit: int) -> int:
    """Return the estimate of a request's tokens under a limit per minute; never more than the limit."""
    answer = call.max_output_tokens
    if answer is None:
        answer = max(1, min(DEFAULT_ANSWER_TOKENS, limit // 4))
    return min(prompt_tokens(call) + call.choices * answer, limit)


def answer_bound(call: Call, buckets: Sequence[Bucket], model: str, cost: Cost) -> int:
    """Return the most tokens of one answer: as stated, or else so many that all answers fit a quarter of each quota."""
    if call.max_output_tokens is not None:
        return call.max_output_tokens
    bound = DEFAULT_ANSWER_TOKENS
    for bucket in buckets:
        if bucket.unit == "tokens-day":
            bound = min(bound, bucket.limit // (4 * call.choices))
        elif bucket.unit == "cost-day":
            each = cost(model, Usage(0, call.choices))
            bound = min(bound, bucket.limit // (4 * each)) if each else bound
    return max(1, bound)


def most_used(call: Call, answer: int) -> Usage:
    """Return the most that a request can use whose answers have at most so many tokens each."""
    if call.endpoint.audio:
        return Usage(0, 0, audio_seconds=LONGEST_AUDIO_S)
    return Usage(call.prompt_bytes + call.prompts * TEMPLATE_TOKENS, call.choices * answer)
