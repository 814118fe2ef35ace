"""What a prompt may be: messages, texts, token ids, input items, documents."""

from fairlead_gateway.checks.rules import Rule, Schema, described, integers, kind, mapping, refuse, schema_of, text

MAX_TOKEN_ID = 2**31 - 1
MAX_PROMPTS = 128
MAX_PROMPT_TOKENS = 2_000_000
MAX_MESSAGES = 4096
MAX_DOCUMENT_CHARS = 1024 * 1024
MAX_INPUTS = 2048
"""Texts of one request for embeddings, as OpenAI has it."""
MAX_SCORED = 1024
"""Texts of each side of a request to score or to rerank."""

ROLES = frozenset({"system", "developer", "user", "assistant", "tool", "function"})
ANTHROPIC_ROLES = frozenset({"user", "assistant", "system"})
MAY_SAY_NOTHING = frozenset({"assistant", "function"})
"""Roles whose content may be null: an assistant that calls a tool, and the deprecated answer of one."""

token_ids = integers(MAX_PROMPT_TOKENS, 0, MAX_TOKEN_ID)
_document = mapping(16, text(MAX_DOCUMENT_CHARS))


def messages(roles: frozenset[str]) -> Rule:
    """A non-empty list of messages of these roles."""
    listed = ", ".join(f'"{role}"' for role in sorted(roles))

    content: Schema = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "object"}}]}
    message: Schema = {
        "type": "object",
        "properties": {"role": {"enum": sorted(roles)}, "content": content},
        "required": ["role", "content"],
    }
    silent: Schema = {
        "type": "object",
        "properties": {"role": {"enum": sorted(roles & MAY_SAY_NOTHING)}, "content": {"type": "null"}},
        "required": ["role"],
    }

    @described({"type": "array", "items": {"anyOf": [message, silent]}, "minItems": 1, "maxItems": MAX_MESSAGES})
    def check(name: str, value: object) -> None:
        if not isinstance(value, list) or not value:
            refuse(name, "must be a non-empty list of messages")
        if len(value) > MAX_MESSAGES:
            refuse(name, f"must have at most {MAX_MESSAGES} entries, not {len(value)}")
        for index, message in enumerate(value):
            if not isinstance(message, dict):
                refuse(f"{name}[{index}]", f"must be an object with `role` and `content`, not {kind(message)}")
            role, content = message.get("role"), message.get("content")
            if not isinstance(role, str) or role not in roles:
                refuse(f"{name}[{index}].role", f"must be one of {listed}")
            if not isinstance(content, str | list) and not (content is None and role in MAY_SAY_NOTHING):
                refuse(f"{name}[{index}].content", f"must be a string or a list of parts, not {kind(content)}")

    return check


def prompts(most: int) -> Rule:
    """One or several texts or lists of token ids."""
    ids: Schema = {**schema_of(token_ids), "minItems": 1}
    several: Schema = {"type": "array", "minItems": 1, "maxItems": most}

    @described(
        {"anyOf": [{"type": "string"}, {**several, "items": {"type": "string"}}, ids, {**several, "items": ids}]}
    )
    def check(name: str, value: object) -> None:
        if isinstance(value, str):
            return
        if not isinstance(value, list) or not value:
            refuse(name, "must be a string, a list of strings, a list of token ids or a list of such lists")
        if all(type(item) is int for item in value):
            token_ids(name, value)
            return
        if len(value) > most:
            refuse(name, f"must have at most {most} prompts, not {len(value)}")
        if all(isinstance(item, str) for item in value):
            return
        for index, item in enumerate(value):
            if not isinstance(item, list) or not item:
                refuse(name, "must hold only strings or only non-empty lists of token ids")
            token_ids(f"{name}[{index}]", item)

    return check


@described(
    {
        "anyOf": [
            {"type": "string"},
            {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": MAX_SCORED},
        ]
    }
)
def texts(name: str, value: object) -> None:
    """One or several texts to compare; documents with pictures are not taken."""
    if value is None or isinstance(value, str):
        return
    if not isinstance(value, list) or not value or not all(isinstance(item, str) for item in value):
        refuse(name, "must be a string or a non-empty list of strings")
    if len(value) > MAX_SCORED:
        refuse(name, f"must have at most {MAX_SCORED} texts, not {len(value)}")


@described(
    {
        "anyOf": [
            {"type": "string"},
            {"type": "array", "items": {"type": "object"}, "minItems": 1, "maxItems": MAX_MESSAGES},
        ]
    }
)
def input_items(name: str, value: object) -> None:
    """A text or a list of items, as the Responses API takes them."""
    if isinstance(value, str):
        return
    if not isinstance(value, list) or not value:
        refuse(name, "must be a string or a non-empty list of items")
    if len(value) > MAX_MESSAGES:
        refuse(name, f"must have at most {MAX_MESSAGES} entries, not {len(value)}")
    for index, item in enumerate(value):
        if not isinstance(item, dict):
            refuse(f"{name}[{index}]", f"must be an object, not {kind(item)}")


@described({"type": "array", "items": schema_of(_document), "maxItems": MAX_PROMPTS})
def documents(name: str, value: object) -> None:
    """A list of objects of strings, as templates for retrieval take them."""
    if value is None:
        return
    if not isinstance(value, list) or len(value) > MAX_PROMPTS:
        refuse(name, f"must be a list of at most {MAX_PROMPTS} objects")
    for index, document in enumerate(value):
        _document(f"{name}[{index}]", document)


@described({"type": "string"})
def plain_text(name: str, value: object) -> None:
    """A text, as the tokenizer takes it."""
    if value is not None and not isinstance(value, str):
        refuse(name, f"must be a string, not {kind(value)}")
