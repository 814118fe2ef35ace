"""Strict JSON within bounds: what an engine's tolerant parser would pass on as something odd is refused here.

Refused: other encodings than UTF-8, a byte-order mark, lone surrogates, NaN and infinities, a field given twice,
nesting and integers beyond what any engine carries. The costly checks run only where a cheap one shows that they may
matter, so that a long prompt costs one pass of the C parser.
"""

import json
import math
import re
from functools import partial
from typing import NoReturn

from fairlead_contract.errors import InvalidJson

MAX_DEPTH = 64
TOO_DEEP = f"The body nests deeper than {MAX_DEPTH} levels. Send a flatter one."

_ESCAPED_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_PARENTHESES = bytes.maketrans(b"[{]}", b"(())")
_NO_BRACKETS = bytes(set(range(256)) - set(b"[{]}"))
_DIGITS_AS_NINES = bytes(0x39 if byte in b"0123456789" else 0x20 for byte in range(256))
_LONG_NUMBER = b"9" * 19


def parse_object(body: bytes) -> dict[str, object]:
    """Return the JSON object that a body holds.

    Raises:
        InvalidJson: The body is anything but one strict JSON object within bounds.
    """
    text = _text(body)
    _check_depth(body)
    decoder = _WITH_LONG_NUMBERS if _LONG_NUMBER in body.translate(_DIGITS_AS_NINES) else _USUAL
    try:
        value: object = decoder.decode(text)
    except json.JSONDecodeError as error:
        raise InvalidJson(f"The body is not valid JSON: {error.msg} at character {error.pos}.") from None
    except RecursionError:  # brackets that never close nest without end
        raise InvalidJson(TOO_DEEP) from None
    if not isinstance(value, dict):
        raise InvalidJson('The body must be a JSON object, such as {"model": "..."}.')
    if _ESCAPED_SURROGATE.search(body):
        _check_surrogates(value)
    return value


def _text(body: bytes) -> str:
    if not body:
        raise InvalidJson("The body is empty. Send a JSON object.")
    if body.startswith(b"\xef\xbb\xbf"):
        raise InvalidJson("The body begins with a byte-order mark. Send UTF-8 without one.")
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidJson(f"The body is not valid UTF-8 at byte {error.start}. Send JSON as UTF-8.") from None


def _check_depth(body: bytes) -> None:
    """Refuse deep nesting before the recursive parser meets it; innermost brackets are removed level by level."""
    if body.count(b"[") + body.count(b"{") <= MAX_DEPTH:
        return
    without_escapes = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    outside_strings = b"".join(without_escapes.split(b'"')[::2])
    brackets = outside_strings.translate(_PARENTHESES, _NO_BRACKETS)
    for _ in range(MAX_DEPTH):
        brackets = brackets.replace(b"()", b"")
    if b"()" in brackets:
        raise InvalidJson(TOO_DEEP)


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) == len(pairs):
        return fields
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            raise InvalidJson(f"The field `{name[:80]}` is given twice. Give it once.", param=name[:80])
        seen.add(name)
    return fields


def _refuse_constant(name: str) -> NoReturn:
    raise InvalidJson(f"{name} is no JSON. Send a number or leave the field out.")


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise InvalidJson(f"The number {digits[:40]} is too large. Send one that a 64-bit float holds.")
    return value


def _bounded_int(digits: str) -> int:
    # 20 digits and a sign hold every 64-bit integer; more is not even worth converting.
    value = int(digits) if len(digits) <= 21 else 2**64  # noqa: PLR2004
    if not -(2**63) <= value < 2**64:
        raise InvalidJson(f"The integer {digits[:40]} is too large. Send one that 64 bits hold.")
    return value


def _check_surrogates(value: object) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        raise InvalidJson(
            "The body has half of a surrogate pair (\\ud800 to \\udfff). Send whole characters."
        ) from None


# Made once: `json.loads` would make a decoder for each request.
_hooks = partial(json.JSONDecoder, object_pairs_hook=_unique, parse_constant=_refuse_constant, parse_float=_finite)
_USUAL = _hooks()
_WITH_LONG_NUMBERS = _hooks(parse_int=_bounded_int)
