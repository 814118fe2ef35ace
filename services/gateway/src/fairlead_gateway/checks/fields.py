"""What each request field may hold, per endpoint: checked where an engine would die, answer 500 or be abused.

Fields without a rule here are checked by the engine alone, whose answer is then a clear 400.
"""

from collections.abc import Mapping
from types import MappingProxyType

from fairlead_contract.errors import InvalidValue
from fairlead_gateway.checks import constraints, prompts, tools
from fairlead_gateway.checks.prompts import ANTHROPIC_ROLES, MAX_TOKEN_ID, ROLES
from fairlead_gateway.checks.rules import (
    Rule,
    boolean,
    described,
    integer,
    integers,
    kind,
    mapping,
    number,
    one_of,
    refuse,
    schema_of,
    strings,
    text,
)

MAX_TOKENS = 10_000_000
MAX_TOKEN_ID_DIGITS = 10
MAX_N = 8
MAX_LOGPROBS = 20
MAX_TOP_K = 1_000_000
MAX_MODEL_CHARS = 256
MAX_SHORT_TEXT = 256
MAX_DIMENSIONS = 65_536
MAX_INSTRUCTION = 8192

_TEMPLATE_ARGUMENTS_NOT_FOR_CLIENTS = frozenset(
    {"chat_template", "tokenize", "tools", "documents", "messages", "conversation", "return_tensors", "return_dict"}
)
"""Arguments of the renderer itself: with them a client could replace the template or block the engine
(CVE-2025-62426)."""


@described({"type": "string", "minLength": 1, "maxLength": MAX_MODEL_CHARS})
def _model(name: str, value: object) -> None:
    if not isinstance(value, str) or not value:
        refuse(name, "must be the name of a model; GET /v1/models lists them")
    if len(value) > MAX_MODEL_CHARS:
        refuse(name, f"must have at most {MAX_MODEL_CHARS} characters, not {len(value)}")


@described({"type": "string", "pattern": f"^[0-9]{{1,{MAX_TOKEN_ID_DIGITS}}}$"})
def _token_id(name: str, value: object) -> None:
    if not isinstance(value, str) or not (value.isascii() and value.isdecimal()) or len(value) > MAX_TOKEN_ID_DIGITS:
        refuse(name, 'must have token ids as its names, such as {"50256": -100}')


@described({"type": ["boolean", "number", "string"], "maxLength": MAX_SHORT_TEXT})
def _scalar(name: str, value: object) -> None:
    if isinstance(value, dict | list) or (isinstance(value, str) and len(value) > MAX_SHORT_TEXT):
        refuse(name, f"must be a boolean, a number or a string of at most {MAX_SHORT_TEXT} characters")


@described({"type": "object", "maxProperties": 16, "additionalProperties": schema_of(_scalar)})
def _template_arguments(name: str, value: object) -> None:
    mapping(16, _scalar)(name, value)
    if isinstance(value, dict):
        for forbidden in sorted(_TEMPLATE_ARGUMENTS_NOT_FOR_CLIENTS & value.keys()):
            refuse(f"{name}.{forbidden}", "is not for clients to set; leave it out")


_STREAM_OPTIONS = ("include_usage", "continuous_usage_stats", "include_obfuscation")


@described(
    {
        "type": "object",
        "properties": {option: schema_of(boolean) for option in _STREAM_OPTIONS},
        "additionalProperties": False,
    }
)
def _stream_options(name: str, value: object) -> None:
    if value is None:
        return
    if not isinstance(value, dict):
        refuse(name, f'must be an object such as {{"include_usage": true}}, not {kind(value)}')
    for option in value:
        if option not in _STREAM_OPTIONS:
            refuse(f"{name}.{option[:80]}", "is not known; `include_usage` is")
        boolean(f"{name}.{option}", value[option])


def _only(allowed: object, advice: str) -> Rule:
    @described({"const": allowed})
    def check(name: str, value: object) -> None:
        if value is not None and value != allowed:
            raise InvalidValue(f"`{name}`: {advice}.", param=name)

    return check


@described({"type": "string", "format": "binary"})
def _file(name: str, value: object) -> None:
    if value == 0:
        refuse(name, "is empty; send the sound as the part's content")


_logit_bias = mapping(1024, number(-100, 100), key=_token_id)
_short = text(MAX_SHORT_TEXT)

_COMMON: Mapping[str, Rule] = {
    "model": _model,
    "stream": boolean,
    "temperature": number(0, 2),
    "top_p": number(0, 1, above_low=True),
    "top_k": integer(-1, MAX_TOP_K),
    "min_p": number(0, 1),
    "presence_penalty": number(-2, 2),
    "frequency_penalty": number(-2, 2),
    "repetition_penalty": number(0, 10, above_low=True),
    "length_penalty": number(-10, 10),
    "n": integer(1, MAX_N),
    "best_of": _only(1, "ranking several answers is not offered; leave it out, or write `n`"),
    "seed": integer(-(2**63), 2**63 - 1),
    # Four, as both OpenAI's API and vLLM (VLLM_MAX_STOP_STRINGS) have it.
    "stop": strings(4, MAX_SHORT_TEXT, or_one=True),
    "stop_sequences": strings(4, MAX_SHORT_TEXT),
    "stop_token_ids": integers(128, 0, MAX_TOKEN_ID),
    "allowed_token_ids": integers(10_000, 0, MAX_TOKEN_ID),
    "logprob_token_ids": integers(128, 0, MAX_TOKEN_ID),
    "bad_words": strings(128, MAX_SHORT_TEXT),
    "logit_bias": _logit_bias,
    "top_logprobs": integer(0, MAX_LOGPROBS),
    "prompt_logprobs": integer(0, MAX_LOGPROBS),
    "max_tokens": integer(1, MAX_TOKENS),
    "max_completion_tokens": integer(1, MAX_TOKENS),
    "max_output_tokens": integer(1, MAX_TOKENS),
    "max_tool_calls": integer(1, 1000),
    "min_tokens": integer(0, MAX_TOKENS),
    "thinking_token_budget": integer(-1, MAX_TOKENS),
    "truncate_prompt_tokens": integer(-1, MAX_TOKENS),
    "stream_interval": integer(1, 128),
    "ignore_eos": boolean,
    "echo": boolean,
    "repetition_detection": mapping(3, integer(0, 10_000)),
    "stream_options": _stream_options,
    "response_format": constraints.response_format,
    "structured_outputs": constraints.structured_outputs,
    "chat_template_kwargs": _template_arguments,
    "metadata": mapping(16, text(512), key=text(64)),
    "user": text(512),
    "safety_identifier": text(512),
    "prompt_cache_key": text(512),
    "service_tier": one_of("auto", "default", "flex", "scale", "priority", "standard_only"),
}

_CHAT: Mapping[str, Rule] = {
    "messages": prompts.messages(ROLES),
    "tools": tools.openai_tools,
    "logprobs": boolean,
    "modalities": _only(["text"], 'only ["text"] is offered; leave it out'),
    "reasoning_effort": one_of("none", "minimal", "low", "medium", "high", "xhigh", "max"),
    "documents": prompts.documents,
}

_COMPLETIONS: Mapping[str, Rule] = {
    "prompt": prompts.prompts(prompts.MAX_PROMPTS),
    "logprobs": integer(0, MAX_LOGPROBS),
}

_RESPONSES: Mapping[str, Rule] = {
    "input": prompts.input_items,
    "tools": tools.responses_tools,
    "text": constraints.text_config,
    "background": _only(allowed=False, advice="this server keeps no responses; leave it out and use `stream`"),
    "store": _only(allowed=False, advice="this server keeps no responses; leave it out or write false"),
    "prompt": _only(None, "stored prompt templates are not offered; write the text into `input` or `instructions`"),
    "enable_response_messages": _only(allowed=False, advice="it returns the engine's internal form; leave it out"),
    "truncation": one_of("auto", "disabled"),
}

_MESSAGES: Mapping[str, Rule] = {
    "messages": prompts.messages(ANTHROPIC_ROLES),
    "tools": tools.anthropic_tools,
    "output_config": constraints.output_config,
    "metadata": mapping(16, text(512)),
    # Anthropic's own range is 0 to 1; the engine's is wider, so clients of both kinds find theirs.
    "temperature": number(0, 2),
}

_TOKENIZE: Mapping[str, Rule] = {
    "messages": prompts.messages(ROLES),
    "prompt": prompts.plain_text,
    "tools": tools.openai_tools,
}

_POOLING: Mapping[str, Rule] = {
    "padding": _only("do_not_pad", "it makes the model read tokens that are not yours; leave it out"),
    "truncation_side": one_of("left", "right"),
    "use_activation": boolean,
}

_EMBEDDINGS: Mapping[str, Rule] = {
    **_POOLING,
    "input": prompts.prompts(prompts.MAX_INPUTS),
    "dimensions": integer(1, MAX_DIMENSIONS),
    # vLLM's other forms are not JSON, and do not say what they cost.
    "encoding_format": one_of("float", "base64"),
    "embed_dtype": one_of("float32", "float16", "bfloat16", "fp8_e4m3", "fp8_e5m2"),
    "endianness": one_of("native", "big", "little"),
    "add_special_tokens": boolean,
}

_SCORING: Mapping[str, Rule] = {
    **_POOLING,
    **dict.fromkeys(
        ("documents", "queries", "items", "data_1", "data_2", "text_1", "text_2"),
        prompts.texts,
    ),
    "query": prompts.plain_text,
    "top_n": integer(0, prompts.MAX_SCORED),
    "max_tokens_per_query": integer(0, MAX_TOKENS),
    "max_tokens_per_doc": integer(0, MAX_TOKENS),
    "instruction": text(MAX_INSTRUCTION),
}

_AUDIO: Mapping[str, Rule] = {
    "file": _file,
    "prompt": text(MAX_INSTRUCTION),
    "hotwords": text(MAX_INSTRUCTION),
    "language": text(16),
    "to_language": text(16),
    "response_format": one_of("json", "text", "verbose_json", "diarized_json"),
    "timestamp_granularities[]": strings(2, MAX_SHORT_TEXT),
    "n": _only(1, "one answer is given; leave it out"),
    "stream_include_usage": boolean,
    "stream_continuous_usage_stats": boolean,
    "include_stop_str_in_output": boolean,
    "chunking_strategy": _only(None, "the engine cuts long sound itself; leave it out"),
    "include": _only(None, "log probabilities are not offered here; leave it out"),
    "timestamp_granularities": _only(None, "write `timestamp_granularities[]`, once per kind"),
    **dict.fromkeys(
        ("keywords", "languages", "known_speaker_names", "known_speaker_references"),
        _only(None, "no engine knows it; leave it out"),
    ),
}

_DETOKENIZE: Mapping[str, Rule] = {"tokens": prompts.token_ids}


RULES: Mapping[str, Mapping[str, Rule]] = MappingProxyType(
    {
        "chat": {**_COMMON, **_CHAT},
        "completions": {**_COMMON, **_COMPLETIONS},
        "responses": {**_COMMON, **_RESPONSES},
        "messages": {**_COMMON, **_MESSAGES},
        "count_tokens": {**_COMMON, **_MESSAGES},
        "tokenize": {**_COMMON, **_TOKENIZE},
        "detokenize": {**_COMMON, **_DETOKENIZE},
        "embeddings": {**_COMMON, **_EMBEDDINGS},
        "rerank": {**_COMMON, **_SCORING},
        "score": {**_COMMON, **_SCORING},
        "transcriptions": {**_COMMON, **_AUDIO},
        "translations": {**_COMMON, **_AUDIO},
    }
)

REQUIRED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "chat": ("model", "messages"),
        "completions": ("model", "prompt"),
        "responses": ("model", "input"),
        "messages": ("model", "messages", "max_tokens"),
        "count_tokens": ("model", "messages"),
        "tokenize": ("model",),
        "detokenize": ("model", "tokens"),
        "embeddings": ("model", "input"),
        "rerank": ("model", "query", "documents"),
        "score": ("model",),
        "transcriptions": ("model", "file"),
        "translations": ("model", "file"),
    }
)
