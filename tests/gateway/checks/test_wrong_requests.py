"""Wrong requests, each with the answer that its sender gets; nothing of it reaches an engine."""

# ruff: noqa: E501 - a table reads best with a row per line

import json
from typing import Any

import pytest

from fairlead_contract.errors import FairleadError
from fairlead_gateway.call import parse
from fairlead_gateway.endpoints import ENDPOINTS

CHAT, COMPLETIONS, RESPONSES = "/v1/chat/completions", "/v1/completions", "/v1/responses"
MESSAGES, TOKENIZE, DETOKENIZE = "/v1/messages", "/tokenize", "/detokenize"
EMBEDDINGS = "/v1/embeddings"
HELLO = [{"role": "user", "content": "Hello"}]
VALID: dict[str, dict[str, Any]] = {
    CHAT: {"model": "demo", "messages": HELLO},
    COMPLETIONS: {"model": "demo", "prompt": "Hello"},
    RESPONSES: {"model": "demo", "input": "Hello"},
    MESSAGES: {"model": "demo", "messages": HELLO, "max_tokens": 5},
    "/v1/messages/count_tokens": {"model": "demo", "messages": HELLO},
    TOKENIZE: {"model": "demo", "prompt": "Hello"},
    DETOKENIZE: {"model": "demo", "tokens": [1]},
    EMBEDDINGS: {"model": "embedder", "input": "Hello"},
    "/v1/rerank": {"model": "reranker", "query": "Hello", "documents": ["Hello", "Goodbye"]},
    "/v2/rerank": {"model": "reranker", "query": "Hello", "documents": ["Hello", "Goodbye"]},
    "/v1/score": {"model": "reranker", "queries": "Hello", "documents": "Goodbye"},
}
"""Forms with a file are apart, in `test_form`."""


def nested_schema(depth: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(depth):
        schema = {"properties": {"a": schema}}
    return schema


def json_schema(schema: object) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}


def tool(**function: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": "f", **function}}


KEPT = "this server keeps no responses"

WRONG: list[tuple[str, dict[str, Any], str, str, str | None]] = [
    # What is missing
    (CHAT, {"model": None}, "invalid_value", "`model` must be the name of a model; GET /v1/models lists them.", "model"),
    (CHAT, {"model": ""}, "invalid_value", "`model` must be the name of a model; GET /v1/models lists them.", "model"),
    (CHAT, {"model": 5}, "invalid_value", "`model` must be the name of a model; GET /v1/models lists them.", "model"),
    (CHAT, {"model": "m" * 257}, "invalid_value", "`model` must have at most 256 characters, not 257.", "model"),
    (COMPLETIONS, {"prompt": ...}, "invalid_value", "`prompt` is missing. /v1/completions needs it.", "prompt"),
    (MESSAGES, {"max_tokens": ...}, "invalid_value", "`max_tokens` is missing. /v1/messages needs it.", "max_tokens"),
    (DETOKENIZE, {"tokens": None}, "invalid_value", "`tokens` is missing. /detokenize needs it.", "tokens"),
    # What nobody knows
    (CHAT, {"max_token": 5}, "unknown_field", "`max_token` is not a field of /v1/chat/completions. Did you mean `max_tokens`?", "max_token"),
    (CHAT, {"temperture": 1}, "unknown_field", "`temperture` is not a field of /v1/chat/completions. Did you mean `temperature`?", "temperture"),
    (CHAT, {"xyzzy": 1}, "unknown_field", "`xyzzy` is not a field of /v1/chat/completions. Leave it out.", "xyzzy"),
    (COMPLETIONS, {"messages": HELLO}, "unknown_field", "`messages` is not a field of /v1/completions. Leave it out.", "messages"),
    (TOKENIZE, {"stream": True}, "unknown_field", "`stream` is not a field of /tokenize. Leave it out.", "stream"),
    # What is refused for its effect
    (CHAT, {"priority": -1_000_000_000}, "invalid_request", "`priority` is refused: it would let one client overtake all others; limits and plans decide on precedence.", "priority"),
    (CHAT, {"vllm_xargs": {"a": 1}}, "invalid_request", "`vllm_xargs` is refused: it reaches extensions of the engine that are the operator's to use.", "vllm_xargs"),
    (CHAT, {"kv_transfer_params": {}}, "invalid_request", "`kv_transfer_params` is refused: it commands transfers between engines, which is the platform's business.", "kv_transfer_params"),
    (CHAT, {"chat_template": "{{ x }}"}, "invalid_request", "`chat_template` is refused: a template is a program that would run inside the engine; the model's own is used.", "chat_template"),
    (CHAT, {"chat_template_kwargs": {"chat_template": "x"}}, "invalid_value", "`chat_template_kwargs.chat_template` is not for clients to set; leave it out.", "chat_template_kwargs.chat_template"),
    (CHAT, {"chat_template_kwargs": {"a": {"b": 1}}}, "invalid_value", "`chat_template_kwargs.a` must be a boolean, a number or a string of at most 256 characters.", "chat_template_kwargs.a"),
    (CHAT, {"mm_processor_kwargs": {"a": 1}}, "invalid_request", "`mm_processor_kwargs` is refused: it changes how media are loaded and processed, and with it how much memory a request takes.", "mm_processor_kwargs"),
    (CHAT, {"request_id": "x"}, "invalid_request", "`request_id` is refused: the gateway names requests; read the `x-request-id` header of the answer.", "request_id"),
    (CHAT, {"use_beam_search": True}, "invalid_request", "`use_beam_search` is refused: beams cost far more than the tokens that are counted; use `n` and `temperature`.", "use_beam_search"),
    (CHAT, {"functions": []}, "invalid_request", "`functions` is refused: it is deprecated and would be ignored; write `tools` instead.", "functions"),
    (CHAT, {"guided_json": {}}, "invalid_request", "`guided_json` is refused: vLLM has removed it; write `structured_outputs` or `response_format` instead.", "guided_json"),
    (CHAT, {"modalities": ["audio"]}, "invalid_value", '`modalities`: only ["text"] is offered; leave it out.', "modalities"),
    (COMPLETIONS, {"prompt_embeds": "AAAA"}, "invalid_request", "`prompt_embeds` is refused: serialised tensors are not accepted from clients; send text or token ids in `prompt`.", "prompt_embeds"),
    (COMPLETIONS, {"best_of": 100}, "invalid_value", "`best_of`: ranking several answers is not offered; leave it out, or write `n`.", "best_of"),
    (RESPONSES, {"previous_response_id": "r"}, "invalid_request", f"`previous_response_id` is refused: {KEPT}; send the whole conversation in `input`.", "previous_response_id"),
    (RESPONSES, {"store": True}, "invalid_value", f"`store`: {KEPT}; leave it out or write false.", "store"),
    (RESPONSES, {"background": True}, "invalid_value", f"`background`: {KEPT}; leave it out and use `stream`.", "background"),
    (RESPONSES, {"prompt": {"id": "p"}}, "invalid_value", "`prompt`: stored prompt templates are not offered; write the text into `input` or `instructions`.", "prompt"),
    (RESPONSES, {"tools": [{"type": "web_search"}]}, "invalid_value", '`tools[0].type` must be "function"; the server runs no tools itself.', "tools[0].type"),
    (MESSAGES, {"mcp_servers": []}, "invalid_request", "`mcp_servers` is refused: the server calls no tools itself; run them in your client and send `tool_result` blocks.", "mcp_servers"),
    # Types
    (CHAT, {"messages": "Hello"}, "invalid_value", "`messages` must be a non-empty list of messages.", "messages"),
    (CHAT, {"messages": []}, "invalid_value", "`messages` must be a non-empty list of messages.", "messages"),
    (CHAT, {"messages": ["Hello"]}, "invalid_value", "`messages[0]` must be an object with `role` and `content`, not a string.", "messages[0]"),
    (CHAT, {"messages": [*HELLO, {"role": "root", "content": ""}]}, "invalid_value", '`messages[1].role` must be one of "assistant", "developer", "function", "system", "tool", "user".', "messages[1].role"),
    (CHAT, {"messages": [{"role": ["user"], "content": ""}]}, "invalid_value", '`messages[0].role` must be one of "assistant", "developer", "function", "system", "tool", "user".', "messages[0].role"),
    (CHAT, {"messages": [{"role": "user", "content": 5}]}, "invalid_value", "`messages[0].content` must be a string or a list of parts, not a number.", "messages[0].content"),
    (CHAT, {"messages": [{"role": "user"}]}, "invalid_value", "`messages[0].content` must be a string or a list of parts, not null.", "messages[0].content"),
    (CHAT, {"messages": HELLO * 4097}, "invalid_value", "`messages` must have at most 4096 entries, not 4097.", "messages"),
    (MESSAGES, {"messages": [{"role": "tool", "content": ""}]}, "invalid_value", '`messages[0].role` must be one of "assistant", "system", "user".', "messages[0].role"),
    (CHAT, {"stream": "yes"}, "invalid_value", "`stream` must be true or false, not a string.", "stream"),
    (CHAT, {"stream": 1}, "invalid_value", "`stream` must be true or false, not a number.", "stream"),
    (CHAT, {"temperature": "hot"}, "invalid_value", "`temperature` must be a number between 0 and 2, not a string.", "temperature"),
    (CHAT, {"temperature": True}, "invalid_value", "`temperature` must be a number between 0 and 2, not a boolean.", "temperature"),
    (CHAT, {"max_tokens": 1.5}, "invalid_value", "`max_tokens` must be an integer between 1 and 10000000, not a number.", "max_tokens"),
    (CHAT, {"top_logprobs": "5", "logprobs": True}, "invalid_value", "`top_logprobs` must be an integer between 0 and 20, not a string.", "top_logprobs"),
    (CHAT, {"metadata": {"a": 1}}, "invalid_value", "`metadata.a` must be a string, not a number.", "metadata.a"),
    (COMPLETIONS, {"prompt": {"a": 1}}, "invalid_value", "`prompt` must be a string, a list of strings, a list of token ids or a list of such lists.", "prompt"),
    (COMPLETIONS, {"prompt": ["a", 1]}, "invalid_value", "`prompt` must hold only strings or only non-empty lists of token ids.", "prompt"),
    (COMPLETIONS, {"prompt": [[1], []]}, "invalid_value", "`prompt` must hold only strings or only non-empty lists of token ids.", "prompt"),
    (RESPONSES, {"input": 5}, "invalid_value", "`input` must be a string or a non-empty list of items.", "input"),
    (RESPONSES, {"input": ["a"]}, "invalid_value", "`input[0]` must be an object, not a string.", "input[0]"),
    # Ranges
    (CHAT, {"temperature": -0.1}, "invalid_value", "`temperature` must be between 0 and 2, not -0.1.", "temperature"),
    (CHAT, {"temperature": 2.1}, "invalid_value", "`temperature` must be between 0 and 2, not 2.1.", "temperature"),
    (CHAT, {"top_p": 0}, "invalid_value", "`top_p` must be above 0 and at most 1, not 0.", "top_p"),
    (CHAT, {"top_p": 1.01}, "invalid_value", "`top_p` must be above 0 and at most 1, not 1.01.", "top_p"),
    (CHAT, {"top_k": -2}, "invalid_value", "`top_k` must be between -1 and 1000000, not -2.", "top_k"),
    (CHAT, {"presence_penalty": 3}, "invalid_value", "`presence_penalty` must be between -2 and 2, not 3.", "presence_penalty"),
    (CHAT, {"repetition_penalty": 0}, "invalid_value", "`repetition_penalty` must be above 0 and at most 10, not 0.", "repetition_penalty"),
    (CHAT, {"n": 0}, "invalid_value", "`n` must be between 1 and 8, not 0.", "n"),
    (CHAT, {"n": 1024}, "invalid_value", "`n` must be between 1 and 8, not 1024.", "n"),
    (CHAT, {"max_tokens": 0}, "invalid_value", "`max_tokens` must be between 1 and 10000000, not 0.", "max_tokens"),
    (CHAT, {"max_completion_tokens": -5}, "invalid_value", "`max_completion_tokens` must be between 1 and 10000000, not -5.", "max_completion_tokens"),
    (CHAT, {"seed": 2**63}, "invalid_value", "`seed` must be between -9223372036854775808 and 9223372036854775807, not 9223372036854775808.", "seed"),
    (CHAT, {"logprobs": True, "top_logprobs": 21}, "invalid_value", "`top_logprobs` must be between 0 and 20, not 21.", "top_logprobs"),
    (CHAT, {"prompt_logprobs": -1}, "invalid_value", "`prompt_logprobs` must be between 0 and 20, not -1.", "prompt_logprobs"),
    (CHAT, {"logit_bias": {"5": 101}}, "invalid_value", "`logit_bias.5` must be between -100 and 100, not 101.", "logit_bias.5"),
    (CHAT, {"logit_bias": {"word": 1}}, "invalid_value", '`logit_bias` must have token ids as its names, such as {"50256": -100}.', "logit_bias"),
    (CHAT, {"logit_bias": {str(i): 1 for i in range(1025)}}, "invalid_value", "`logit_bias` must have at most 1024 entries, not 1025.", "logit_bias"),
    (CHAT, {"stop": ["a"] * 5}, "invalid_value", "`stop` must have at most 4 entries, not 5.", "stop"),
    (CHAT, {"stop": "a" * 200_000}, "invalid_value", "`stop` must hold strings of 1 to 256 characters, not of 200000.", "stop"),
    (CHAT, {"stop": ""}, "invalid_value", "`stop` must hold strings of 1 to 256 characters, not of 0.", "stop"),
    (CHAT, {"stop": [1]}, "invalid_value", "`stop` must be a string or a list of strings.", "stop"),
    (CHAT, {"stop_token_ids": [1] * 129}, "invalid_value", "`stop_token_ids` must have at most 128 entries, not 129.", "stop_token_ids"),
    (CHAT, {"stop_token_ids": [-1]}, "invalid_value", "`stop_token_ids` must hold integers between 0 and 2147483647.", "stop_token_ids"),
    (CHAT, {"reasoning_effort": "hard"}, "invalid_value", '`reasoning_effort` must be one of "none", "minimal", "low", "medium", "high", "xhigh", "max".', "reasoning_effort"),
    (COMPLETIONS, {"logprobs": 100}, "invalid_value", "`logprobs` must be between 0 and 20, not 100.", "logprobs"),
    (COMPLETIONS, {"prompt": ["a"] * 129}, "invalid_value", "`prompt` must have at most 128 prompts, not 129.", "prompt"),
    (COMPLETIONS, {"prompt": ["a"] * 100, "n": 8}, "invalid_value", "`prompt` times `n` may be 128 answers at most.", "n"),
    (DETOKENIZE, {"tokens": [2**31]}, "invalid_value", "`tokens` must hold integers between 0 and 2147483647.", "tokens"),
    # Contradictions
    (CHAT, {"max_tokens": 5, "max_completion_tokens": 6}, "invalid_value", "`max_completion_tokens` and `max_tokens` contradict each other. Send only `max_completion_tokens`.", "max_completion_tokens"),
    (CHAT, {"stream_options": {"include_usage": True}}, "invalid_value", "`stream_options` needs `stream: true`.", "stream_options"),
    (CHAT, {"stream": True, "stream_options": {"usage": True}}, "invalid_value", "`stream_options.usage` is not known; `include_usage` is.", "stream_options.usage"),
    (CHAT, {"top_logprobs": 3}, "invalid_value", "`top_logprobs` needs `logprobs: true`.", "top_logprobs"),
    (CHAT, {"tool_choice": "required"}, "invalid_value", "`tool_choice` needs `tools`.", "tool_choice"),
    (TOKENIZE, {"messages": HELLO}, "invalid_value", "/tokenize needs exactly one of `prompt` and `messages`.", "prompt"),
    # Structured output and tools
    (CHAT, {"response_format": "json"}, "invalid_value", "`response_format` must be an object with a `type`, not a string.", "response_format"),
    (CHAT, {"response_format": {"type": "xml"}}, "invalid_value", '`response_format.type` must be one of "text", "json_object", "json_schema", "structural_tag".', "response_format.type"),
    (CHAT, {"response_format": {"type": "json_schema"}}, "invalid_value", '`response_format.json_schema` must be an object with `name` and `schema` where `type` is "json_schema".', "response_format.json_schema"),
    (CHAT, {"response_format": json_schema([])}, "invalid_value", "`response_format.json_schema.schema` must be a JSON schema, which is an object, not a list.", "response_format.json_schema.schema"),
    (CHAT, {"response_format": json_schema(nested_schema(20))}, "invalid_value", "`response_format.json_schema.schema` nests deeper than 32 levels; write a flatter schema.", "response_format.json_schema.schema"),
    (CHAT, {"response_format": json_schema({"description": "x" * 70_000})}, "invalid_value", "`response_format.json_schema.schema` is a schema of 70018 bytes; at most 65536 are accepted.", "response_format.json_schema.schema"),
    (CHAT, {"response_format": json_schema({"enum": list(range(1001))})}, "invalid_value", "`response_format.json_schema.schema` has an enum of 1001 values; at most 1000 are accepted.", "response_format.json_schema.schema"),
    (CHAT, {"response_format": json_schema({"maxLength": 10**9})}, "invalid_value", "`response_format.json_schema.schema` has maxLength 1000000000; at most 10000 is accepted.", "response_format.json_schema.schema"),
    (CHAT, {"response_format": json_schema({"type": "captain"})}, "invalid_value", "`response_format.json_schema.schema` has the type 'captain'; JSON schema knows array, boolean, integer, null, number, object, string.", "response_format.json_schema.schema"),
    (CHAT, {"response_format": json_schema({"properties": {"default": {"pattern": "a" * 2001}}})}, "invalid_value", "`response_format.json_schema.schema pattern` must have at most 2000 characters, not 2001.", "response_format.json_schema.schema pattern"),
    (CHAT, {"response_format": {"type": "structural_tag", "format": nested_schema(20)}}, "invalid_value", "`response_format` nests deeper than 32 levels; write a flatter schema.", "response_format"),
    (RESPONSES, {"text": {"format": {"type": "json_schema", "name": "a", "schema": nested_schema(20)}}}, "invalid_value", "`text.format.schema` nests deeper than 32 levels; write a flatter schema.", "text.format.schema"),
    (CHAT, {"structured_outputs": {"regex": "a", "choice": ["b"]}}, "invalid_value", "`structured_outputs` must have exactly one of `json`, `regex`, `choice`, `grammar`, `json_object`, `structural_tag`.", "structured_outputs"),
    (CHAT, {"structured_outputs": {"choice": ["a"] * 100_000}}, "invalid_value", "`structured_outputs.choice` must have at most 1000 entries, not 100000.", "structured_outputs.choice"),
    (CHAT, {"structured_outputs": {"regex": "((a{1,999}){1,999}){1,999}"}}, "invalid_value", "`structured_outputs.regex` repeats too often; the counts in braces may multiply to 100000 at most.", "structured_outputs.regex"),
    (CHAT, {"structured_outputs": {"regex": "a" * 2001}}, "invalid_value", "`structured_outputs.regex` must have at most 2000 characters, not 2001.", "structured_outputs.regex"),
    (CHAT, {"structured_outputs": {"regex": "a\x00"}}, "invalid_value", "`structured_outputs.regex` must not contain a NUL character.", "structured_outputs.regex"),
    (CHAT, {"structured_outputs": {"grammar": ""}}, "invalid_value", "`structured_outputs.grammar` must be a grammar of 1 to 16384 characters.", "structured_outputs.grammar"),
    (CHAT, {"structured_outputs": {"json": "{"}}, "invalid_value", "`structured_outputs.json` must be a JSON schema, as an object or as a string of JSON.", "structured_outputs.json"),
    (CHAT, {"structured_outputs": {"json_object": False}}, "invalid_value", "`structured_outputs.json_object` must be true where it is given.", "structured_outputs.json_object"),
    (CHAT, {"tools": []}, "invalid_value", "`tools` must be a non-empty list of tools; leave it out where there are none.", "tools"),
    (CHAT, {"tools": [5]}, "invalid_value", "`tools[0]` must be an object, not a number.", "tools[0]"),
    (CHAT, {"tools": [{"type": "function"}]}, "invalid_value", '`tools[0]` must be {"type": "function", "function": {"name": ..., "parameters": {...}}}.', "tools[0]"),
    (CHAT, {"tools": [tool(name="")]}, "invalid_value", "`tools[0].function.name` must be a string of 1 to 128 characters.", "tools[0].function.name"),
    (CHAT, {"tools": [tool(parameters=nested_schema(20))]}, "invalid_value", "`tools[0].function.parameters` nests deeper than 32 levels; write a flatter schema.", "tools[0].function.parameters"),
    (CHAT, {"tools": [tool()] * 129}, "invalid_value", "`tools` must have at most 128 entries, not 129.", "tools"),
    (MESSAGES, {"tools": [{"type": "bash_20250124", "name": "bash"}]}, "invalid_value", '`tools[0].type` must be "custom" or absent; the server runs no tools itself.', "tools[0].type"),
]  # fmt: skip


def content(path: str, change: dict[str, Any]) -> bytes:
    """A valid request with a change; `...` leaves a field out."""
    fields = {**VALID[path], **change}
    return json.dumps({name: value for name, value in fields.items() if value is not ...}).encode()


def test_there_are_enough_of_them() -> None:
    """At least forty wrong requests are answered exactly as written here."""
    assert len(WRONG) >= 40


@pytest.mark.parametrize(
    "path, change, code, message, param", WRONG, ids=[f"{path} {str(change)[:40]}" for path, change, *_ in WRONG]
)
def test_a_wrong_request_is_told_what_is_wrong(
    path: str, change: dict[str, Any], code: str, message: str, param: str | None
) -> None:
    """Status 400, the field, the problem and what to write instead."""
    with pytest.raises(FairleadError) as raised:
        parse(ENDPOINTS[path], content(path, change), "application/json")
    error = raised.value
    assert (error.http_status, error.code, error.message, error.param) == (400, code, message, param)


@pytest.mark.parametrize("path", VALID)
def test_the_request_without_the_change_is_right(path: str) -> None:
    """What these tests change is a valid request."""
    assert parse(ENDPOINTS[path], content(path, {}), "application/json").model == VALID[path]["model"]


RIGHT: list[tuple[str, dict[str, Any]]] = [
    (CHAT, {"ignore_eos": True, "min_tokens": 5, "max_tokens": 5}),
    (CHAT, {"max_tokens": 5, "max_completion_tokens": 5}),
    (CHAT, {"user": "u", "metadata": {"a": "b"}, "store": True, "service_tier": "auto", "parallel_tool_calls": False}),
    (CHAT, {"reasoning_effort": "high", "verbosity": "low", "prompt_cache_key": "k", "safety_identifier": "s"}),
    (CHAT, {"stream": True, "stream_options": {"include_usage": True, "include_obfuscation": False}}),
    (CHAT, {"stop": ["a", "b"], "seed": -(2**63), "logit_bias": {"1": -100}, "logprobs": True, "top_logprobs": 20}),
    (
        CHAT,
        {"temperature": None, "top_p": None, "n": None, "stop": None, "tools": None, "stream": None, "priority": None},
    ),
    (CHAT, {"tools": [tool(parameters=nested_schema(5))], "tool_choice": "required"}),
    (CHAT, {"response_format": json_schema({"type": "object", "properties": {"enum": {"type": "string"}}})}),
    (CHAT, {"response_format": json_schema({"const": {"type": "captain", "pattern": 5}, "type": ["string", "null"]})}),
    (CHAT, {"response_format": {"type": "structural_tag", "format": {"type": "tag", "begin": "<a>"}}}),
    (CHAT, {"structured_outputs": {"regex": r"\d{4}-\d{2}-\d{2}"}}),
    (CHAT, {"chat_template_kwargs": {"enable_thinking": False}}),
    (CHAT, {"messages": [{"role": "assistant", "content": None, "tool_calls": []}, *HELLO]}),
    (CHAT, {"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}]}]}),
    (COMPLETIONS, {"prompt": [[1, 2], [3]], "echo": True, "logprobs": 5, "best_of": 1}),
    (RESPONSES, {"store": False, "background": False, "previous_response_id": None, "metadata": {"a": "b"}}),
    (RESPONSES, {"input": HELLO, "text": {"format": {"type": "text"}}, "reasoning": {"effort": "low"}}),
    (MESSAGES, {"system": "Be brief.", "temperature": 1, "metadata": {"user_id": "u"}, "stop_sequences": ["a"]}),
    (MESSAGES, {"tools": [{"name": "f", "input_schema": {"type": "object"}}], "tool_choice": {"type": "any"}}),
    (MESSAGES, {"thinking": {"type": "disabled"}, "context_management": {"edits": []}}),
    (TOKENIZE, {"prompt": None, "messages": HELLO}),
]


@pytest.mark.parametrize("path, change", RIGHT, ids=[f"{path} {str(change)[:40]}" for path, change in RIGHT])
def test_what_clients_of_either_vendor_and_of_vllm_send_is_accepted(path: str, change: dict[str, Any]) -> None:
    """The checks refuse nothing that works."""
    assert parse(ENDPOINTS[path], content(path, change), "application/json").model == VALID[path]["model"]
