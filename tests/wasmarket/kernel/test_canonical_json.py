"""Canonical JSON: one spelling for each value, and every other one refused."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wasmarket.kernel.documents.canonical_json import MAX_INTEGER, dump_canonical, parse_canonical
from wasmarket.kernel.errors import InvalidInput

pytestmark = pytest.mark.unit

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-MAX_INTEGER, MAX_INTEGER) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


@given(VALUES)
def test_dump_canonical__any_value__reads_back(value):
    data = dump_canonical(value)

    assert parse_canonical(data) == value
    assert json.loads(data) == value


def test_dump_canonical__keys__sorted_by_utf16():
    data = dump_canonical({"\ufb33": 1, "\U0001f600": 2, "€": 3, "1": 4})

    assert data.decode() == '{"1":4,"€":3,"😀":2,"\ufb33":1}'


def test_dump_canonical__control_characters__escaped_as_rfc_8785():
    assert dump_canonical('\u20ac$\u000f\nA\'B"\\\\"/\x7f') == (
        '"\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/\x7f"'.encode()
    )


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b'{"b":1,"a":2}', "byte 2"),
        (b'{"a": 1}', "byte 5"),
        (b"[1,2]\n", "byte 5"),
        (b"01", "not JSON"),
        (b"-0", "not canonical"),
        (b"1.0", "not an integer"),
        (b"1e3", "not an integer"),
        (b"NaN", "not an integer"),
        (b"9007199254740992", "beyond"),
        (b"1" * 5_000, "beyond"),
        (b'{"a":1,"a":1}', "twice"),
        (b'"\\u0041"', "not canonical"),
        (b'"\\ud800"', "surrogate"),
        (b"\xff", "byte 0 is not UTF-8"),
        (b"\xef\xbb\xbf1", "not JSON"),
        (b"", "not JSON"),
        (b"{} {}", "not JSON"),
        (b"[" * 100_000, "nested"),
        (b"[" * 66 + b"]" * 66, "nested"),
    ],
    ids=lambda case: repr(case[:12]),
)
def test_parse_canonical__other_spelling__refused(data, message):
    with pytest.raises(InvalidInput, match=message):
        parse_canonical(data)


@pytest.mark.parametrize("value", [1.5, MAX_INTEGER + 1, b"x", {1: 2}, "\ud800", {1, 2}])
def test_dump_canonical__no_place_in_it__refused(value):
    with pytest.raises(InvalidInput):
        dump_canonical({"a": [value]})


def test_parse_canonical__as_deep_as_allowed__read():
    assert dump_canonical(parse_canonical(b"[" * 65 + b"]" * 65)) == b"[" * 65 + b"]" * 65
