"""The one line of Serve's long messages that says what went wrong."""

import re

_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_RAISED = re.compile(r"^(?P<kind>[A-Za-z_][\w.]*): (?P<said>.+)$")
_TRACEBACK = "Traceback (most recent call last)"
_LONGEST = 400


def root_cause(message: str) -> str:
    """Return the last exception of a traceback without its class, or the first line of a message without one."""
    lines = [_ANSI.sub("", line).rstrip() for line in message.splitlines()]
    raised = [match for line in lines if (match := _RAISED.match(line)) and _TRACEBACK not in line]
    if raised and any(_TRACEBACK in line or line.startswith("  File ") for line in lines):
        return _shorten(raised[-1]["said"])
    told = [line.strip() for line in lines if line.strip()]
    return _shorten(told[0]) if told else ""


def _shorten(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"
