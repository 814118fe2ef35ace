"""Bodies whose form is odd: JSON, messages, tools, streams, structured output and fields of other vendors."""

import json
from collections.abc import Iterator
from typing import Any

from fairlead_gateway.checks.policy import REFUSED, known_fields
from fairlead_gateway.endpoints import ENDPOINTS
from tests.gateway.bad_input.case import Case, changed
from tests.gateway.checks.test_json_bounds import REFUSED as NOT_STRICT_JSON
from tests.gateway.checks.test_media import TRICKS
from tests.gateway.checks.test_wrong_requests import CHAT, HELLO, MESSAGES, RESPONSES, VALID, WRONG

GOOD = json.dumps(VALID[CHAT]).encode()

NUMBERS = [
    "+1",
    "01",
    ".5",
    "1.",
    "0x10",
    "1_000",
    "1e",
    "--1",
    "1e999",
    "-1e999",
    "NaN",
    "Infinity",
    "-Infinity",
    "1,5",
]
LITERALS = ["True", "None", "undefined", "nul", "'text'", '"\x01"', '"\\x41"', '"\\u12"', '"\\ud800"', "[1,]", '{"a"}']

FOREIGN = [
    *("vllm_xargs", "kv_transfer_params", "ec_transfer_params", "priority", "request_id", "mm_processor_kwargs"),
    *("chat_template", "prompt_embeds", "best_of_n", "api_base", "api_key", "base_url", "extra_body", "extra_headers"),
    *("metadata_", "user_id", "tenant", "organization", "project", "safe_prompt", "random_seed", "num_ctx", "options"),
    *("keep_alive", "raw", "template", "context", "format", "grammar", "json_schema", "repeat_penalty", "mirostat"),
    *("generationConfig", "safetySettings", "contents", "inputs", "parameters", "anthropic_version", "betas"),
    *("guided_json", "guided_regex", "guided_choice", "guided_grammar", "lora_request", "adapter", "fallbacks"),
    *("__proto__", "constructor", "__class__", "model ", " model", "Model", "MODEL", "mo\u0000del", "m\u00f6del", ""),
]

ROLES = ["root", "User", "user ", "", "tool\x00", "\u200buser", 5, None, True, [], {}, ["user"]]
CONTENTS = [5, True, {}, {"type": "text", "text": "x"}, 1e300]
MESSAGE_LISTS: list[Any] = [
    {}, "Hello", 5, True, [], [None], [5], ["Hello"], [[]], [[HELLO[0]]], [{}], [{"content": "x"}], [{"role": "user"}],
    {"role": "user", "content": "x"}, HELLO * 4097,
]  # fmt: skip
TOOLS: list[Any] = [
    "hammer", 5, {}, [], [None], ["hammer"], [{}], [{"type": "function"}], [{"type": "web_search"}],
    [{"type": "function", "function": {}}], [{"type": "function", "function": {"name": ""}}],
    [{"type": "function", "function": {"name": 5}}], [{"type": "function", "function": {"name": "f" * 129}}],
    [{"type": "function", "function": {"name": "f", "parameters": []}}],
    [{"type": "function", "function": {"name": "f", "parameters": {"type": "captain"}}}],
    [{"type": "function", "function": {"name": "f"}}] * 129,
]  # fmt: skip
STREAMS: list[dict[str, Any]] = [
    {"stream": "yes"}, {"stream": 1}, {"stream": []}, {"stream_options": {}},
    {"stream_options": {"include_usage": True}}, {"stream": False, "stream_options": {"include_usage": True}},
    {"stream": True, "stream_options": []},
    {"stream": True, "stream_options": "usage"}, {"stream": True, "stream_options": {"usage": True}},
    {"stream": True, "stream_options": {"include_usage": "yes"}}, {"stream": True, "stream_options": {"": True}},
    {"stream": True, "stream_interval": 0}, {"stream": True, "stream_interval": 1000},
]  # fmt: skip


def nested(levels: int, keyword: str) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(levels):
        schema = {keyword: [schema]} if keyword in ("anyOf", "allOf", "oneOf", "prefixItems") else {keyword: schema}
    return schema


SCHEMAS: dict[str, Any] = {
    "a list": [],
    "a string": "object",
    "a number": 5,
    "an unknown type": {"type": "captain"},
    "an unknown type, deep inside": {"properties": {"a": {"items": {"type": "captain"}}}},
    "a large enum": {"enum": list(range(1001))},
    "a large description": {"description": "x" * 70_000},
    "a large minLength": {"type": "string", "minLength": 10_001},
    "a large maxItems": {"type": "array", "maxItems": 1e12},
    "a large pattern": {"type": "string", "pattern": "a" * 2001},
    "a pattern with a NUL": {"type": "string", "pattern": "a\x00"},
    "a pattern that repeats repetitions": {"type": "string", "pattern": "((a{1000}){1000}){1000}"},
    "a pattern that counts far": {"type": "string", "pattern": "a{999999999}"},
    "a pattern under a name": {"patternProperties": {"a": {"type": "string", "pattern": "(a{500}){500}"}}},
    **{f"33 levels of {keyword}": nested(33, keyword) for keyword in ("items", "anyOf", "allOf", "oneOf", "not", "if")},
}

STRUCTURED: list[Any] = [
    "json", 5, [], {}, {"json": None}, {"json": {}, "regex": "a"}, {"regex": 5}, {"regex": "a" * 2001}, {"choice": "a"},
    {"choice": [1]}, {"choice": [""]}, {"choice": ["a"] * 1001}, {"choice": ["a" * 1001]}, {"grammar": ""},
    {"grammar": 5}, {"grammar": "x" * 20_000}, {"json_object": False}, {"json_object": "yes"}, {"json": "{"},
    {"json": "[]"}, {"structural_tag": 5}, {"structural_tag": "{"}, {"regex": "a", "whitespace_pattern": 5},
    {"captain": "x"},
]  # fmt: skip
FORMATS: list[Any] = [
    "json", 5, [], {}, {"type": "xml"}, {"type": 5}, {"type": None}, {"type": "json_schema"},
    {"type": "json_schema", "json_schema": []}, {"type": ["text"]},
]  # fmt: skip


def form_cases() -> Iterator[Case]:
    """Yield every case."""
    yield from _json_cases()
    for index, (path, change, *_) in enumerate(WRONG):
        yield changed(f"wrong request {index}: {sorted(change)}", path, **change)
    for path in VALID:
        for name in FOREIGN:
            if name not in known_fields()[ENDPOINTS[path].kind].names or name in REFUSED:
                fields: dict[str, Any] = {name: {"a": 1}}
                yield changed(f"foreign field {name!r}", path, **fields)
    yield from _message_cases()
    for name, schema in SCHEMAS.items():
        wrapped = {"type": "json_schema", "json_schema": {"name": "s", "schema": schema}}
        yield changed(f"response_format: {name}", CHAT, response_format=wrapped)
        yield changed(f"structured_outputs: {name}", CHAT, structured_outputs={"json": schema})
        yield changed(f"text: {name}", RESPONSES, text={"format": {"type": "json_schema", "schema": schema}})
        function = {"name": "f", "parameters": schema}
        yield changed(f"tools: {name}", CHAT, tools=[{"type": "function", "function": function}])
        yield changed(f"Anthropic's tools: {name}", MESSAGES, tools=[{"name": "f", "input_schema": schema}])
    for index, value in enumerate(STRUCTURED):
        yield changed(f"structured outputs {index}", CHAT, structured_outputs=value)
    for index, value in enumerate(FORMATS):
        yield changed(f"response format {index}", CHAT, response_format=value)
    for name, url in TRICKS.items():
        part = {"type": "image_url", "image_url": {"url": url}}
        yield changed(f"media: {name}", CHAT, messages=[{"role": "user", "content": [part]}])


def _json_cases() -> Iterator[Case]:
    for name, (body, _) in NOT_STRICT_JSON.items():
        yield Case(f"JSON: {name}", CHAT, body)
    for end in range(len(GOOD)):
        yield Case(f"JSON cut after {end} bytes", CHAT, GOOD[:end])
    for value in [*NUMBERS, *LITERALS]:
        yield Case(f"JSON with {value!r} for a value", CHAT, GOOD[:-1] + b', "temperature": ' + value.encode() + b"}")
    for encoding in ("utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-7", "cp037"):
        text = GOOD.decode().replace("Hello", "H\u00e9llo + {}")
        yield Case(f"JSON in {encoding}", CHAT, text.encode(encoding), wrong=encoding != "utf-7")
    for name, around in {"a NUL": b"\x00", "a form feed": b"\x0c", "a byte 0xff": b"\xff", "text": b"x"}.items():
        yield Case(f"{name} before JSON", CHAT, around + GOOD)
        yield Case(f"{name} behind JSON", CHAT, GOOD + around)
    for document in (b"null", b"true", b"0", b'"x"', b"[]", b"[{}]", b"{}", b'{"": 1}'):
        yield Case(f"JSON that is {document!r}", CHAT, document)


def _message_cases() -> Iterator[Case]:
    for path, field in ((CHAT, "messages"), (MESSAGES, "messages"), (RESPONSES, "input")):
        for index, value in enumerate(MESSAGE_LISTS):
            answerable = path == RESPONSES and isinstance(value, list | str) and index not in (4, 5, 6, 7, 8, 9, 14)
            yield changed(f"messages {index}", path, wrong=not answerable, **{field: value})
    for path in (CHAT, MESSAGES):
        for role in ROLES:
            yield changed(f"role {role!r}", path, messages=[{"role": role, "content": "x"}])
        for content in CONTENTS:
            yield changed(f"content {content!r}", path, messages=[{"role": "user", "content": content}])
    for index, tools in enumerate(TOOLS):
        yield changed(f"tools {index}", CHAT, tools=tools)
        yield changed(f"tools {index}", RESPONSES, tools=tools)
    for index, choice in enumerate(("required", {"type": "function", "function": {"name": "f"}}, "captain", 5, [])):
        yield changed(f"tool choice {index} without tools", CHAT, tool_choice=choice)
    for index, stream in enumerate(STREAMS):
        yield changed(f"stream {index}", CHAT, **stream)
