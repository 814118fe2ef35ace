"""Reads PromQL, as much as it takes to see which metrics it names."""

import re

KEYWORDS = frozenset({"and", "or", "unless", "offset", "bool", "on", "by", "without", "ignoring"})
_STRINGS = re.compile(r'"[^"]*"')
_LABELS = re.compile(r"\{[^}]*\}|\[[^\]]*\]|\b(?:by|on|without|ignoring|group_left|group_right)\s*\([^)]*\)")
_NAME = re.compile(r"(?<![\w.:])[a-zA-Z_][\w:]*(?![\w:])(?!\s*\()")
_VARIABLE = re.compile(r'"\$\w+"')
_RATE = re.compile(r"\brate\((\w[\w:]*\{[^}]*\})\[\$__rate_interval\]\)")


def metrics_in(expression: str) -> set[str]:
    """Return the names of the metrics that an expression asks for."""
    bare = _LABELS.sub("", _STRINGS.sub('""', with_values(expression)))
    return {name for name in _NAME.findall(bare) if name not in KEYWORDS}


def with_values(expression: str) -> str:
    """Return an expression as Grafana sends it when everything is chosen."""
    return _VARIABLE.sub('".*"', expression.replace("$__rate_interval", "1m"))


def totals(expression: str) -> str:
    """Return an expression that asks how far counters are, in place of one that asks how fast they grow."""
    return _RATE.sub(r"\1", expression)


def legend_labels(legend: str) -> set[str]:
    """Return the labels that a legend names."""
    return set(re.findall(r"\{\{(\w+)\}\}", legend))
