"""Bounds on structured output: schemas, regular expressions, choices and grammars that an engine would choke on.

Measured with vLLM 0.32 and 0.29: a choice of 100,000 strings held one request for more than 120 s and everyone else's
for 30 s; a regular expression with nested repetitions 4.6 s; a schema of 300 levels killed the engine
(CVE-2026-105757).
"""

import re
from collections.abc import Iterator
from math import prod
from typing import Any

import msgspec

from fairlead_gateway.rules import kind, refuse, strings

MAX_SCHEMA_BYTES = 64 * 1024
MAX_SCHEMA_DEPTH = 32
MAX_ENUM = 1000
MAX_SIZE_KEYWORD = 10_000
MAX_PATTERN_CHARS = 2000
MAX_REPETITIONS = 100_000
MAX_GRAMMAR_CHARS = 16 * 1024
MAX_TOOLS = 128
MAX_CHOICES = 1000
MAX_CHOICE_CHARS = 1000

_SIZE_KEYWORDS = frozenset(
    {"minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties", "minContains", "maxContains"}
)
_REPETITION = re.compile(r"\{(\d+)(?:,(\d*))?\}")
_KINDS = ("json", "regex", "choice", "grammar", "json_object", "structural_tag")

_choice = strings(MAX_CHOICES, MAX_CHOICE_CHARS)


def schema(name: str, value: object) -> None:
    """Check a JSON schema: at most 64 KiB, 32 levels, 1,000 values in an enum, tame sizes and patterns."""
    if isinstance(value, bool | None):
        return
    if not isinstance(value, dict):
        refuse(name, f"must be a JSON schema, which is an object, not {kind(value)}")
    size = len(msgspec.json.encode(value))
    if size > MAX_SCHEMA_BYTES:
        refuse(name, f"is a schema of {size} bytes; at most {MAX_SCHEMA_BYTES} are accepted")
    for node, depth in _walk(value):
        if depth > MAX_SCHEMA_DEPTH:
            refuse(name, f"nests deeper than {MAX_SCHEMA_DEPTH} levels; write a flatter schema")
        if isinstance(node, dict):
            _check_keywords(name, node)


def pattern(name: str, value: object) -> None:
    """Check a regular expression: at most 2,000 characters, and repetitions whose counts stay small when multiplied."""
    if value is None:
        return
    if not isinstance(value, str):
        refuse(name, f"must be a regular expression as a string, not {kind(value)}")
    if len(value) > MAX_PATTERN_CHARS:
        refuse(name, f"must have at most {MAX_PATTERN_CHARS} characters, not {len(value)}")
    if "\x00" in value:
        refuse(name, "must not contain a NUL character")
    counts = (max(_count(match[1]), _count(match[2] or "0"), 1) for match in _REPETITION.finditer(value))
    if prod(counts) > MAX_REPETITIONS:
        refuse(name, f"repeats too often; the counts in braces may multiply to {MAX_REPETITIONS} at most")


def response_format(name: str, value: object) -> None:
    """Check OpenAI's `response_format`, or `text.format` of the Responses API."""
    if value is None:
        return
    if not isinstance(value, dict):
        refuse(name, f"must be an object with a `type`, not {kind(value)}")
    chosen = value.get("type")
    if chosen not in ("text", "json_object", "json_schema", "structural_tag"):
        refuse(f"{name}.type", 'must be one of "text", "json_object", "json_schema", "structural_tag"')
    if chosen == "structural_tag":
        _structural_tag(name, value)
    if chosen != "json_schema":
        return
    wrapped = value.get("json_schema")
    if wrapped is None and "schema" in value:
        schema(f"{name}.schema", value["schema"])
        return
    if not isinstance(wrapped, dict):
        refuse(f"{name}.json_schema", 'must be an object with `name` and `schema` where `type` is "json_schema"')
    schema(f"{name}.json_schema.schema", wrapped.get("schema"))


def text_config(name: str, value: object) -> None:
    """Check the Responses API's `text`."""
    if value is None:
        return
    if not isinstance(value, dict):
        refuse(name, f"must be an object, not {kind(value)}")
    response_format(f"{name}.format", value.get("format"))


def output_config(name: str, value: object) -> None:
    """Check Anthropic's `output_config`."""
    if value is None:
        return
    if not isinstance(value, dict):
        refuse(name, f"must be an object, not {kind(value)}")
    wanted = value.get("format")
    if isinstance(wanted, dict):
        schema(f"{name}.format.schema", wanted.get("schema"))


def structured_outputs(name: str, value: object) -> None:
    """Check vLLM's `structured_outputs`: exactly one constraint, and that one within bounds."""
    if value is None:
        return
    if not isinstance(value, dict):
        refuse(name, f"must be an object, not {kind(value)}")
    given = [choice for choice in _KINDS if value.get(choice) is not None]
    if len(given) != 1:
        refuse(name, "must have exactly one of `json`, `regex`, `choice`, `grammar`, `json_object`, `structural_tag`")
    _CONSTRAINTS[given[0]](f"{name}.{given[0]}", value[given[0]])
    pattern(f"{name}.whitespace_pattern", value.get("whitespace_pattern"))


def openai_tools(name: str, value: object) -> None:
    """Check `tools` of chat completions: functions only, each with a name."""
    for path, tool in _tools(name, value):
        function = tool.get("function")
        if tool.get("type", "function") != "function" or not isinstance(function, dict):
            refuse(path, 'must be {"type": "function", "function": {"name": ..., "parameters": {...}}}')
        _tool(path + ".function", function, "parameters")


def responses_tools(name: str, value: object) -> None:
    """Check `tools` of the Responses API: functions only, for the server runs no tools itself."""
    for path, tool in _tools(name, value):
        if tool.get("type") != "function":
            refuse(path + ".type", 'must be "function"; the server runs no tools itself')
        _tool(path, tool, "parameters")


def anthropic_tools(name: str, value: object) -> None:
    """Check `tools` of Anthropic's Messages API."""
    for path, tool in _tools(name, value):
        if tool.get("type", "custom") != "custom":
            refuse(path + ".type", 'must be "custom" or absent; the server runs no tools itself')
        _tool(path, tool, "input_schema")


def _tools(name: str, value: object) -> Iterator[tuple[str, dict[str, Any]]]:
    if value is None:
        return
    if not isinstance(value, list) or not value:
        refuse(name, "must be a non-empty list of tools; leave it out where there are none")
    if len(value) > MAX_TOOLS:
        refuse(name, f"must have at most {MAX_TOOLS} entries, not {len(value)}")
    for index, tool in enumerate(value):
        path = f"{name}[{index}]"
        if not isinstance(tool, dict):
            refuse(path, f"must be an object, not {kind(tool)}")
        yield path, tool


def _tool(path: str, tool: dict[str, Any], parameters: str) -> None:
    label = tool.get("name")
    if not isinstance(label, str) or not 0 < len(label) <= 128:  # noqa: PLR2004
        refuse(path + ".name", "must be a string of 1 to 128 characters")
    schema(f"{path}.{parameters}", tool.get(parameters))


def _json(name: str, value: object) -> None:
    if isinstance(value, str):
        try:
            value = msgspec.json.decode(value)
        except (msgspec.DecodeError, RecursionError):
            refuse(name, "must be a JSON schema, as an object or as a string of JSON")
    schema(name, value)


def _json_object(name: str, value: object) -> None:
    if value is not True:
        refuse(name, "must be true where it is given")


def _grammar(name: str, value: object) -> None:
    if not isinstance(value, str) or not 0 < len(value) <= MAX_GRAMMAR_CHARS:
        refuse(name, f"must be a grammar of 1 to {MAX_GRAMMAR_CHARS} characters")


def _structural_tag(name: str, value: object) -> None:
    if isinstance(value, str):
        _json(name, value)
    else:
        schema(name, value)


_CONSTRAINTS = {
    "json": _json,
    "regex": pattern,
    "choice": _choice,
    "grammar": _grammar,
    "json_object": _json_object,
    "structural_tag": _structural_tag,
}


def _walk(value: object) -> Iterator[tuple[object, int]]:
    """Yield every node with its depth, without recursion."""
    pending: list[tuple[object, int]] = [(value, 1)]
    while pending:
        node, depth = pending.pop()
        yield node, depth
        if isinstance(node, dict):
            pending.extend((child, depth + 1) for child in node.values() if isinstance(child, dict | list))
        elif isinstance(node, list):
            pending.extend((child, depth + 1) for child in node if isinstance(child, dict | list))


def _check_keywords(name: str, node: dict[str, Any]) -> None:
    values = node.get("enum")
    if isinstance(values, list) and len(values) > MAX_ENUM:
        refuse(name, f"has an enum of {len(values)} values; at most {MAX_ENUM} are accepted")
    expression = node.get("pattern")
    if isinstance(expression, str):
        pattern(f"{name} pattern", expression)
    for keyword in _SIZE_KEYWORDS & node.keys():
        size = node[keyword]
        if isinstance(size, int | float) and size > MAX_SIZE_KEYWORD:
            refuse(name, f"has {keyword} {size}; at most {MAX_SIZE_KEYWORD} is accepted")


def _count(digits: str) -> int:
    return int(digits) if len(digits) <= 6 else MAX_REPETITIONS + 1  # noqa: PLR2004
