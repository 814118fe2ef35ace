import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead_contract.errors import InvalidJson
from fairlead_gateway.checks.json_bounds import MAX_DEPTH, parse_object

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)

REFUSED = {
    "empty": (b"", "The body is empty"),
    "truncated": (b'{"model": "demo"', "not valid JSON"),
    "a list": (b"[]", "must be a JSON object"),
    "a string": (b'"hello"', "must be a JSON object"),
    "two objects": (b"{}{}", "not valid JSON"),
    "a comment": (b"{} // hello", "not valid JSON"),
    "a trailing comma": (b'{"a": 1,}', "not valid JSON"),
    "single quotes": (b"{'a': 1}", "not valid JSON"),
    "a byte-order mark": (b"\xef\xbb\xbf{}", "byte-order mark"),
    "UTF-16": ('{"a": 1}'.encode("utf-16-le"), "not valid JSON"),
    "latin-1": ('{"a": "é"}'.encode("latin-1"), "not valid UTF-8 at byte 7"),
    "a surrogate in UTF-8": (b'{"a": "\xed\xa0\x80"}', "not valid UTF-8"),
    "half a surrogate pair": (b'{"a": "\\ud800"}', "surrogate pair"),
    "half a surrogate pair in a name": (b'{"\\uDFFF": 1}', "surrogate pair"),
    "a raw control character": (b'{"a": "\x01"}', "not valid JSON"),
    "NaN": (b'{"a": NaN}', "NaN is no JSON"),
    "an infinity": (b'{"a": -Infinity}', "-Infinity is no JSON"),
    "a float beyond 64 bits": (b'{"a": 1e999}', "too large"),
    "an integer beyond 64 bits": (b'{"a": 18446744073709551616}', "too large"),
    "a negative integer beyond 64 bits": (b'{"a": [-9223372036854775809]}', "too large"),
    "an integer of 10,000 digits": (b'{"a": ' + b"9" * 10_000 + b"}", "too large"),
    "a field twice": (b'{"model": "a", "model": "b"}', "`model` is given twice"),
    "a field twice, once escaped": (b'{"model": "a", "\\u006dodel": "b"}', "`model` is given twice"),
    "a nested field twice": (b'{"a": [{"b": 1, "b": 2}]}', "`b` is given twice"),
    "too deep": (b'{"a": ' + b"[" * MAX_DEPTH + b"]" * MAX_DEPTH + b"}", "deeper than 64"),
    "very deep": (b"[" * 500_000, "deeper than 64"),
    "very deep objects": (b'{"a":' * 100_000, "deeper than 64"),
}


@pytest.mark.parametrize("body, told", REFUSED.values(), ids=REFUSED.keys())
def test_what_is_not_strict_json_is_refused(body: bytes, told: str) -> None:
    """Each oddity is told for what it is."""
    with pytest.raises(InvalidJson) as raised:
        parse_object(body)
    assert told in raised.value.message


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b' {"a": 1}\n', id="white space around"),
        pytest.param(b'{"a": "\\ud83d\\ude00"}', id="a whole surrogate pair"),
        pytest.param(b'{"a": 18446744073709551615, "b": -9223372036854775808}', id="the largest integers"),
        pytest.param(b'{"a": ' + b"[" * (MAX_DEPTH - 1) + b"]" * (MAX_DEPTH - 1) + b"}", id="as deep as allowed"),
        pytest.param(b'{"a": "' + b"[{" * 500 + b'"}', id="brackets in a string"),
        pytest.param(b'{"a": "' + b'\\"[' * 500 + b'"}', id="brackets behind escaped quotes"),
        pytest.param(b'{"a": "1234567890123456789012345678901234567890"}', id="many digits in a string"),
        pytest.param(b'{"a": [' + b"[]," * 500 + b"[]]}", id="many brackets side by side"),
    ],
)
def test_what_is_strict_json_is_parsed(body: bytes) -> None:
    """The bounds refuse nothing that lies within them."""
    assert parse_object(body) == json.loads(body)


@settings(max_examples=40)
@given(st.dictionaries(TEXT, JSON_VALUES, max_size=4))
def test_every_object_that_a_client_can_write_is_parsed_as_it_was_meant(value: dict[str, Any]) -> None:
    """Escaped or not, strict JSON means the same here as anywhere."""
    assert parse_object(json.dumps(value).encode()) == value
    assert parse_object(json.dumps(value, ensure_ascii=False).encode()) == value


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_else_than_a_refusal(body: bytes) -> None:
    """Rubbish is refused, and never crashes the parser."""
    with suppress(InvalidJson):
        assert isinstance(parse_object(body), dict)
