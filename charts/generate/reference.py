"""docs/reference/values.md: every value, its default and what it means, and every setting that `settings` takes."""

import json
from collections.abc import Iterator
from typing import Any

from charts.generate.comments import plain
from charts.generate.settings import gateway_settings, operator_settings
from charts.generate.values import Values
from pydantic import BaseModel

HEAD = """\
# Values of the chart

Written by `make values` from the models that also give `values.yaml` and `values.schema.json`. A value that is not here
is refused with its path, and so is one of the wrong type.

| value | default | meaning |
| --- | --- | --- |
"""

SETTINGS = """
## {title}

Names under `{path}`, as in `--set {path}.{example}`. What is not here the chart sets itself, by values above.

| setting | default | meaning |
| --- | --- | --- |
"""


def document() -> str:
    """Return the page."""
    return "".join(
        [
            HEAD,
            *(_row(*row) for row in _rows(Values())),
            SETTINGS.format(title="Settings of the gateway", path="gateway.settings", example="log_level=debug"),
            *(_row(*row) for row in _settings(gateway_settings())),
            SETTINGS.format(
                title="Settings of the operator", path="operator.settings", example="upgrade_strategy=None"
            ),
            *(_row(*row) for row in _settings(operator_settings())),
        ]
    )


def _rows(values: BaseModel, path: str = "") -> Iterator[tuple[str, Any, str]]:
    for name, field in type(values).model_fields.items():
        value = getattr(values, name)
        here = f"{path}{field.alias}"
        if hasattr(type(value), "folded"):
            yield from _rows(value, f"{here}.")
        else:
            yield here, plain(value), field.description or ""


def _settings(schema: dict[str, Any]) -> Iterator[tuple[str, Any, str]]:
    for name, each in schema["properties"].items():
        told = each.get("description", "")
        unit = f" In {each['unit']}." if "unit" in each else ""
        yield name, each.get("default", ""), f"{told}{unit}"


def _row(name: str, default: Any, meaning: str) -> str:  # noqa: ANN401 - YAML
    shown = "" if default in ("", None) else f"`{json.dumps(default)}`"
    return f"| `{name}` | {shown} | {meaning.replace('|', '&#124;')} |\n"
