"""JSON in and out: what each type takes, and how a wrong argument is explained."""

import json
import math

import pytest

from peer.runtime.abi.guest_types import (
    ArrayType,
    Basic,
    FunctionSignature,
    GuestType,
    NamedType,
    RecordType,
)
from peer.runtime.abi.json_values import compile_arguments, compile_result
from peer.runtime.errors import CallRefused

pytestmark = pytest.mark.unit
POINT = RecordType("Point", (NamedType("x", Basic.S32), NamedType("tags", ArrayType(Basic.STRING))))


def read_one(guest_type: GuestType, text: str) -> object:
    signature = FunctionSignature("f", (NamedType("v", guest_type),), ())
    return compile_arguments(signature)(b"[" + text.encode() + b"]")[0]


def write(guest_type: GuestType, value: object) -> object:
    return json.loads(compile_result(FunctionSignature("f", (), (guest_type,)))(value))["result"]


@pytest.mark.parametrize(
    ("guest_type", "text", "value"),
    [
        (Basic.U8, "255", 255),
        (Basic.S8, "-128", -128),
        (Basic.U32, "4294967295", 2**32 - 1),
        (Basic.U64, "18446744073709551615", 2**64 - 1),
        (Basic.U64, '"18446744073709551615"', 2**64 - 1),
        (Basic.S64, '"-9223372036854775808"', -(2**63)),
        (Basic.BOOL, "true", True),
        (Basic.F64, "1", 1.0),
        (Basic.F64, '"-Infinity"', -math.inf),
        (Basic.F32, "-1.5", -1.5),
        (Basic.STRING, '"h\\u00e9\\ud83d\\ude00"', "hé😀"),
        (Basic.BYTES, '"AAH/"', b"\0\x01\xff"),
        (Basic.BYTES, "[0, 1, 255]", b"\0\x01\xff"),
        (Basic.BYTES, '""', b""),
        (ArrayType(ArrayType(Basic.U8)), "[[1], []]", [[1], []]),
        (POINT, '{"tags": ["a"], "x": -1}', {"x": -1, "tags": ["a"]}),
    ],
)
def test_read__values_of_each_type__are_taken(
    guest_type: GuestType, text: str, value: object
) -> None:
    assert read_one(guest_type, text) == value


@pytest.mark.parametrize(
    ("guest_type", "text", "field", "reason"),
    [
        (Basic.U8, "256", "v", r"v: expected u8 \(0 to 255\), got 256"),
        (Basic.U8, "-1", "v", "got -1"),
        (Basic.U8, "true", "v", "got a bool"),
        (Basic.U8, "1.0", "v", "got a fraction"),
        (Basic.U32, '"1"', "v", "got a string"),
        (Basic.U64, "18446744073709551616", "v", "expected u64"),
        (Basic.U64, '"0x10"', "v", "got a string"),
        (Basic.U64, '"99999999999999999999"', "v", "expected u64"),
        (Basic.BOOL, "1", "v", "expected bool, got an integer"),
        (Basic.F64, "null", "v", "expected a number, got null"),
        (Basic.F32, "1e39", "v", "too large for f32"),
        (Basic.STRING, "5", "v", "expected string"),
        (Basic.BYTES, '"?"', "v", "not base64"),
        (Basic.BYTES, "[256]", "v[0]", "a byte"),
        (Basic.BYTES, "{}", "v", "expected bytes"),
        (ArrayType(Basic.S16), "[1, 40000]", "v[1]", "expected s16"),
        (ArrayType(Basic.S16), '"no"', "v", r"expected \[s16\]"),
        (POINT, '{"x": 1}', "v.tags", "field 'tags' is missing"),
        (POINT, '{"x": 1, "tags": [], "y": 0}', "v.y", "no field 'y'"),
        (POINT, '{"x": 1, "tags": [3]}', "v.tags[0]", "expected string"),
        (POINT, "[]", "v", "Point"),
    ],
)
def test_read__wrong_values__name_field_and_type(
    guest_type: GuestType, text: str, field: str, reason: str
) -> None:
    with pytest.raises(CallRefused, match=reason) as refused:
        read_one(guest_type, text)

    assert refused.value.field == field


ADD = compile_arguments(
    FunctionSignature("add", (NamedType("a", Basic.U32), NamedType("b", Basic.U32)), (Basic.U32,))
)


@pytest.mark.parametrize("body", [b"[1, 2]", b'{"b": 2, "a": 1}'])
def test_arguments__by_position_or_name__are_in_order(body: bytes) -> None:
    assert ADD(body) == [1, 2]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"[1]", r"takes 2 arguments \(a: u32, b: u32\), got 1"),
        (b"", "takes 2 arguments"),
        (b"[1, 2, 3]", "got 3"),
        (b'{"a": 1}', "argument 'b' is missing"),
        (b'{"a": 1, "b": 2, "c": 3}', "no argument 'c'"),
        (b"7", "the body is an integer"),
        (b"[1,", "not JSON"),
        (b"[1, NaN]", "not JSON"),
        (b"\xff", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[1, " + b"9" * 6_000 + b"]", "b: |not JSON"),
    ],
)
def test_arguments__body_that_does_not_fit__is_refused(body: bytes, reason: str) -> None:
    with pytest.raises(CallRefused, match=reason):
        ADD(body)


@pytest.mark.parametrize(
    ("guest_type", "value", "expected"),
    [
        (Basic.U64, 2**64 - 1, 2**64 - 1),
        (Basic.BYTES, b"hi", "aGk="),
        (Basic.F64, math.nan, "NaN"),
        (ArrayType(Basic.F32), [1.5, -math.inf], [1.5, "-Infinity"]),
        (ArrayType(Basic.STRING), ["a"], ["a"]),
        (POINT, {"x": 1, "tags": []}, {"x": 1, "tags": []}),
        (
            RecordType("R", (NamedType("f", Basic.F64), NamedType("g", Basic.U8))),
            {"f": math.inf, "g": 1},
            {"f": "Infinity", "g": 1},
        ),
    ],
)
def test_result__values_of_each_type__become_json(
    guest_type: GuestType, value: object, expected: object
) -> None:
    assert write(guest_type, value) == expected


def test_result__no_output__is_null() -> None:
    assert compile_result(FunctionSignature("f", (), ()))(None) == b'{"result":null}'
