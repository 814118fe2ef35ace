"""Bounds on what an answer is constrained to: OpenAI's `response_format`, Anthropic's and vLLM's own forms.

Measured with vLLM 0.32: a choice of 100,000 strings held one request for more than 120 s and everyone else's for 30 s.
"""

from fairlead_gateway.checks.rules import Rule, described, kind, refuse, strings
from fairlead_gateway.checks.schemas import decoded, pattern, schema, structural_tag

MAX_GRAMMAR_CHARS = 16 * 1024
MAX_CHOICES = 1000
MAX_CHOICE_CHARS = 1000

_FORMATS = ("text", "json_object", "json_schema", "structural_tag")
_KINDS = ("json", "regex", "choice", "grammar", "json_object", "structural_tag")


@described({"type": "object", "properties": {"type": {"enum": list(_FORMATS)}}, "required": ["type"]})
def response_format(name: str, value: object) -> None:
    """Check OpenAI's `response_format`, or `text.format` of the Responses API."""
    if value is None:
        return
    if not isinstance(value, dict):
        refuse(name, f"must be an object with a `type`, not {kind(value)}")
    chosen = value.get("type")
    if chosen not in _FORMATS:
        refuse(f"{name}.type", 'must be one of "text", "json_object", "json_schema", "structural_tag"')
    if chosen == "structural_tag":
        structural_tag(name, value)
    if chosen != "json_schema":
        return
    wrapped = value.get("json_schema")
    if wrapped is None and "schema" in value:
        schema(f"{name}.schema", value["schema"])
        return
    if not isinstance(wrapped, dict):
        refuse(f"{name}.json_schema", 'must be an object with `name` and `schema` where `type` is "json_schema"')
    schema(f"{name}.json_schema.schema", wrapped.get("schema"))


@described({"type": "object"})
def text_config(name: str, value: object) -> None:
    """Check the Responses API's `text`."""
    if value is None:
        return
    if not isinstance(value, dict):
        refuse(name, f"must be an object, not {kind(value)}")
    response_format(f"{name}.format", value.get("format"))


@described({"type": "object"})
def output_config(name: str, value: object) -> None:
    """Check Anthropic's `output_config`."""
    if value is None:
        return
    if not isinstance(value, dict):
        refuse(name, f"must be an object, not {kind(value)}")
    wanted = value.get("format")
    if isinstance(wanted, dict):
        schema(f"{name}.format.schema", wanted.get("schema"))


@described({"type": "object"})
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


def _json(name: str, value: object) -> None:
    schema(name, decoded(name, value) if isinstance(value, str) else value)


def _json_object(name: str, value: object) -> None:
    if value is not True:
        refuse(name, "must be true where it is given")


def _grammar(name: str, value: object) -> None:
    if not isinstance(value, str) or not 0 < len(value) <= MAX_GRAMMAR_CHARS:
        refuse(name, f"must be a grammar of 1 to {MAX_GRAMMAR_CHARS} characters")


_CONSTRAINTS: dict[str, Rule] = {
    "json": _json,
    "regex": pattern,
    "choice": strings(MAX_CHOICES, MAX_CHOICE_CHARS),
    "grammar": _grammar,
    "json_object": _json_object,
    "structural_tag": structural_tag,
}
