"""Reads YAML that people wrote: strictly, bounded, and as the JSON that the API server would see."""

import json
from collections.abc import Hashable
from typing import Any

import yaml

from fairlead_contract.errors import ManifestError, Mistake

MAX_TEXT_BYTES = 1 << 20
MAX_ALIASES = 50
"""Aliases let a small file grow without bound when it is expanded; no manifest needs many."""

Json = Any
"""What YAML and JSON have in common: mappings, lists, text, numbers, truth values and null."""


class _StrictLoader(yaml.SafeLoader):
    """Refuses duplicate keys, which plain YAML resolves silently, and a flood of aliases."""

    aliases = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:  # noqa: ANN401 - PyYAML's signature
        if self.check_event(yaml.AliasEvent):
            self.aliases += 1
            if self.aliases > MAX_ALIASES:
                raise yaml.MarkedYAMLError(
                    problem=f"more than {MAX_ALIASES} aliases",
                    problem_mark=self.peek_event().start_mark,  # type: ignore[no-untyped-call]
                )
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002
        seen: set[Hashable] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, Hashable) and key in seen:
                raise yaml.MarkedYAMLError(problem=f"the key {key!r} stands twice", problem_mark=key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


def read_documents(text: str, *, where: str) -> list[Json]:
    """Return the non-empty documents of a YAML text.

    Raises:
        ManifestError: The text is too large or no YAML; says where.
    """
    if len(text.encode()) > MAX_TEXT_BYTES:
        problem = Mistake(
            "the file", f"is larger than {MAX_TEXT_BYTES} bytes", "split it, or check that it is a manifest"
        )
        raise ManifestError(where, [problem])
    try:
        return [each for each in yaml.load_all(text, _StrictLoader) if each is not None]
    except yaml.YAMLError as error:
        raise ManifestError(where, [_syntax_mistake(error)]) from None
    except RecursionError:
        problem = Mistake("the file", "is nested too deeply", "check that it is a manifest")
        raise ManifestError(where, [problem]) from None


def to_json(document: Json) -> str:
    """Return a document as JSON; what YAML alone knows (dates, binary) becomes text."""
    return json.dumps(document, default=str)


def _syntax_mistake(error: yaml.YAMLError) -> Mistake:
    mark = getattr(error, "problem_mark", None)
    where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "the file"
    problem = getattr(error, "problem", None) or "not readable as YAML"
    return Mistake(where, f"is not valid YAML ({problem})", "check the indentation, colons and quotes there")
