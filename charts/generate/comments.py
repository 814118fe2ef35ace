"""values.yaml: every value with its default and a comment that says what it is."""

import textwrap
from collections.abc import Iterator
from typing import Any

import yaml
from charts.generate.values import Values
from pydantic import BaseModel

WIDTH = 100
HEAD = """\
# Values of the chart fairlead. `helm upgrade --install` takes yours by -f FILE or --set; image.registry is required.
# docs/reference/values.md has all of them on one page. Written by `make values`; do not edit.
"""


def document() -> str:
    """Return the file."""
    return HEAD + "\n".join(_lines(Values(), depth=0)) + "\n"


def _lines(values: BaseModel, *, depth: int) -> Iterator[str]:
    for name, field in type(values).model_fields.items():
        value = getattr(values, name)
        if depth == 0:
            yield ""
        yield from (_indented(line, depth) for line in _comment(field.description or ""))
        if isinstance(value, BaseModel) and not getattr(value, "folded", False) and hasattr(type(value), "folded"):
            yield _indented(f"{field.alias}:", depth)
            yield from _lines(value, depth=depth + 1)
        else:
            text = yaml.safe_dump({field.alias: plain(value)}, sort_keys=False, width=WIDTH)
            yield from (_indented(line, depth) for line in text.splitlines())


def plain(value: Any) -> Any:  # noqa: ANN401 - YAML
    """Return a default as YAML has it: without what is absent anyway."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return value


def _comment(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False)


def _indented(line: str, depth: int) -> str:
    return f"{'  ' * depth}{line}"
