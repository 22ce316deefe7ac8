"""The interface-types section: every type comes back as written, all else is refused."""

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peer.runtime.abi.described import describe_interface
from peer.runtime.abi.encoder import encode_interface
from peer.runtime.abi.guest_types import (
    ArrayType,
    Basic,
    FunctionSignature,
    GuestType,
    NamedType,
    RecordType,
    describe_type,
)
from peer.runtime.abi.interface_types import parse_interface
from peer.runtime.errors import ModuleError
from tests.peer.runtime.type_strategies import guest_types, names

pytestmark = pytest.mark.unit
VERSION = b"\x05\x060.20.0"


def shape(guest_type: GuestType) -> object:
    """Write a type out in full, since records compare by identity."""
    if isinstance(guest_type, RecordType):
        return guest_type.name, [(part.name, shape(part.type)) for part in guest_type.fields]
    if isinstance(guest_type, ArrayType):
        return [shape(guest_type.element)]
    return guest_type.value


@given(names, st.lists(guest_types, max_size=3), st.lists(guest_types, max_size=1))
def test_parse__what_the_encoder_wrote__is_the_same(
    name: str, inputs: list[GuestType], outputs: list[GuestType]
) -> None:
    parameters = tuple(NamedType(f"p{index}", kind) for index, kind in enumerate(inputs))
    written = FunctionSignature(name, parameters, tuple(outputs))

    read = parse_interface(encode_interface([written])).functions[name]

    assert [shape(p.type) for p in read.parameters] == [shape(kind) for kind in inputs]
    assert [p.name for p in read.parameters] == [p.name for p in parameters]
    assert [shape(kind) for kind in read.outputs] == [shape(kind) for kind in outputs]


def test_encode__one_scalar_function__gives_the_documented_bytes() -> None:
    content = encode_interface(
        [FunctionSignature("inc", (NamedType("a", Basic.U32),), (Basic.U32,))]
    )

    assert content.startswith(VERSION + b"\x00\x08\x00\x01\x04size\x0c\x01\x0c")
    assert b"\x00\x01\x01a\x06\x01\x06" * 2 in content
    # arg.get 0, i32.from_u32, call-core 6, u32.from_i32
    assert b"\x02\x01\x07\x04\x00\x00\x1c\x01\x06\x16" in content
    assert content.endswith(b"\x03inc\x06\x04\x01\x06\x07")


def test_parse__imports__take_the_interface_type_of_the_pair() -> None:
    types = b"\x00\x02" + b"\x00\x01\x04text\x0a\x00" + b"\x00\x02\x03ptr\x0c\x03len\x0c\x00"
    imports = b"\x01\x02" + b"\x04host\x03log\x00" + b"\x04host\x03log\x01"

    interface = parse_interface(VERSION + types + imports)

    assert interface.imports["host", "log"].parameters == (NamedType("text", Basic.STRING),)


def test_parse__export_whose_core_type_differs__takes_the_adapter_type() -> None:
    core = b"\x00\x02\x03ptr\x0c\x03len\x0c\x00"
    adapter = b"\x00\x01\x04name\x0a\x01\x0a"
    content = VERSION + b"\x00\x02" + core + adapter + b"\x03\x01\x01f\x00" + b"\x04\x01\x00\x01"

    function = parse_interface(content).functions["f"]

    assert function.parameters == (NamedType("name", Basic.STRING),)
    assert function.outputs == (Basic.STRING,)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is not major.minor.patch"),
        (b"\x05\x060.19.9", "older than 0.20.0"),
        (b"\x05\x03abc", "is not major.minor.patch"),
        (b"\x05\x060.20", "ends in the middle"),
        (VERSION + b"\x09\x00", "unknown part 9"),
        (VERSION + b"\x00\x01\x02", "unknown kind of type 2"),
        (VERSION + b"\x00\x01\x00\x01\x01a\x7f\x00", "unknown type 0x7f"),
        (VERSION + b"\x00\x01\x00\x00\x02\x06\x06\x03\x01\x01f\x00", "more than one output"),
        (VERSION + b"\x03\x01\x01f\x05", "refers to type 5"),
        (VERSION + b"\x02\x01\x00\x01\x99", "unknown instruction 0x99"),
        (VERSION + b"\x00\x01\x00\x01\x01\xff\x06\x00", "not UTF-8"),
        (VERSION + b"\x00\x01\x00\x02\x01a\x06\x01a\x06\x00\x03\x01\x01f\x00", "two parameters"),
    ],
)
def test_parse__wrong_content__says_why(content: bytes, reason: str) -> None:
    with pytest.raises(ModuleError, match=reason):
        parse_interface(content)


def test_parse__a_record_inside_itself__is_refused() -> None:
    types = b"\x00\x02" + b"\x01\x01R\x01\x01r\x0e\x00" + b"\x00\x01\x01a\x0e\x00\x00"

    with pytest.raises(ModuleError, match="contains itself"):
        parse_interface(VERSION + types + b"\x03\x01\x01f\x01")


def test_parse__records_that_double_at_each_level__are_refused() -> None:
    levels = [b"\x01\x02R0\x01\x01a\x06"]
    for index in range(20):
        levels.append(b"\x01\x01R\x02\x01a\x0e%c\x01b\x0e%c" % (index, index))
    types = b"\x00%c" % (len(levels) + 1) + b"".join(levels) + b"\x00\x01\x01a\x0e\x14\x00"

    with pytest.raises(ModuleError, match="record R has more than 1048576 parts"):
        parse_interface(VERSION + types + b"\x03\x01\x01f\x15")


def test_parse__arrays_without_end__are_refused() -> None:
    types = b"\x00\x01\x00\x01\x01a" + b"\x36" * 5_000 + b"\x06\x00"

    with pytest.raises(ModuleError, match="more than 32 arrays"):
        parse_interface(VERSION + types)


@pytest.mark.parametrize("arrays", [0, 31])
def test_parse__records_in_arrays_in_records__are_refused_for_their_depth(arrays: int) -> None:
    levels = [b"\x01\x02R0\x01\x01a\x06"]
    for index in range(40):
        levels.append(b"\x01\x01R\x01\x01a" + b"\x36" * arrays + b"\x0e%c" % index)
    types = b"\x00%c" % (len(levels) + 1) + b"".join(levels) + b"\x00\x01\x01a\x0e\x28\x00"

    with pytest.raises(ModuleError, match="record R nests types more than 32 levels deep"):
        parse_interface(VERSION + types + b"\x03\x01\x01f\x29")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (bytes(15 << 20), "has 15728640 bytes, more than 524288"),
        (bytes(1 << 19), "more than 64 parts"),
        (b"\x00\xff\xff\xff\xff\x0f", "has 4294967295 types, more than 16384"),
        (b"\x01\x81\x40", "has 8193 imports, more than 8192"),
        (b"\x02\x81\x80\x01", "has 16385 adapters, more than 16384"),
        (b"\x03\x81\x20", "has 4097 exports, more than 4096"),
        (b"\x04\x81\x80\x01", "has 16385 implementations"),
    ],
    ids=lambda value: value[:24] if isinstance(value, str) else "",
)
def test_parse__more_than_any_module_has__is_refused_before_it_is_read(
    content: bytes, reason: str
) -> None:
    with pytest.raises(ModuleError, match=reason):
        parse_interface(content)


@settings(max_examples=300)
@given(st.binary(max_size=80))
def test_parse__any_bytes__give_an_interface_or_a_reason(content: bytes) -> None:
    with contextlib.suppress(ModuleError):
        parse_interface(VERSION + content)


def test_describe_interface__records__are_listed_once() -> None:
    point = RecordType("Point", (NamedType("x", Basic.F64), NamedType("y", Basic.F64)))
    move = FunctionSignature("move", (NamedType("path", ArrayType(point)),), (point,))

    described = describe_interface(parse_interface(encode_interface([move])))

    assert described == {
        "functions": [
            {
                "name": "move",
                "arguments": [{"name": "path", "type": "[Point]"}],
                "output": "Point",
            }
        ],
        "records": [
            {
                "name": "Point",
                "fields": [{"name": "x", "type": "f64"}, {"name": "y", "type": "f64"}],
            }
        ],
    }
    assert describe_type(ArrayType(ArrayType(Basic.STRING))) == "[[string]]"
