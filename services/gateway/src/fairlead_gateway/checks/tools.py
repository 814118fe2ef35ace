"""Tools that a client offers to a model: functions of the client's own, each with a name and a schema within bounds."""

from collections.abc import Iterator
from typing import Any

from fairlead_gateway.checks.rules import Schema, described, kind, refuse
from fairlead_gateway.checks.schemas import schema

MAX_TOOLS = 128
MAX_NAME_CHARS = 128

_NAME: Schema = {"type": "string", "minLength": 1, "maxLength": MAX_NAME_CHARS}


def _list_of(required: list[str], **properties: Schema) -> Schema:
    tool = {"type": "object", "properties": properties, "required": required}
    return {"type": "array", "items": tool, "minItems": 1, "maxItems": MAX_TOOLS}


_FUNCTION: Schema = {"type": "object", "properties": {"name": _NAME}, "required": ["name"]}


@described(_list_of(["function"], type={"const": "function"}, function=_FUNCTION))
def openai_tools(name: str, value: object) -> None:
    """Check `tools` of chat completions: functions only, each with a name."""
    for path, tool in _tools(name, value):
        function = tool.get("function")
        if tool.get("type", "function") != "function" or not isinstance(function, dict):
            refuse(path, 'must be {"type": "function", "function": {"name": ..., "parameters": {...}}}')
        _tool(path + ".function", function, "parameters")


@described(_list_of(["type", "name"], type={"const": "function"}, name=_NAME))
def responses_tools(name: str, value: object) -> None:
    """Check `tools` of the Responses API: functions only, for the server runs no tools itself."""
    for path, tool in _tools(name, value):
        if tool.get("type") != "function":
            refuse(path + ".type", 'must be "function"; the server runs no tools itself')
        _tool(path, tool, "parameters")


@described(_list_of(["name"], type={"const": "custom"}, name=_NAME))
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
    if not isinstance(label, str) or not 0 < len(label) <= MAX_NAME_CHARS:
        refuse(path + ".name", f"must be a string of 1 to {MAX_NAME_CHARS} characters")
    schema(f"{path}.{parameters}", tool.get(parameters))
