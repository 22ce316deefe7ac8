"""Signatures written by people, in our spelling and in Rust's."""

import re

import pytest

from peer.runtime.abi.guest_types import ArrayType, Basic, FunctionSignature, NamedType, RecordType
from peer.runtime.abi.signature_text import parse_declarations, parse_signatures
from peer.runtime.errors import ModuleError

pytestmark = pytest.mark.unit


def test_parse_signatures__lines_with_comments__are_read_in_order() -> None:
    text = """
    # the service
    greeting(name: string) -> string   # says hello
    fn digest(data: Vec < u8 >,) -> Vec < u8 >;
    add(a: u64, b: i64) -> f32
    tidy(lists: [[string]]) -> ()
    """

    assert parse_signatures(text) == [
        FunctionSignature("greeting", (NamedType("name", Basic.STRING),), (Basic.STRING,)),
        FunctionSignature("digest", (NamedType("data", Basic.BYTES),), (Basic.BYTES,)),
        FunctionSignature(
            "add", (NamedType("a", Basic.U64), NamedType("b", Basic.S64)), (Basic.F32,)
        ),
        FunctionSignature("tidy", (NamedType("lists", ArrayType(ArrayType(Basic.STRING))),), ()),
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("greeting", "line 1: 'greeting' is no signature"),
        ("f(a)", "no `argument: type`"),
        ("f(a: usize)", "unknown type 'usize'"),
        ("f()\n\nf()", "line 3: f stands twice"),
        ("f() ->", "no signature"),
    ],
)
def test_parse_signatures__mistakes__name_the_line(text: str, reason: str) -> None:
    with pytest.raises(ModuleError, match=reason):
        parse_signatures(text)


def test_parse_declarations__records_and_imports__are_read_in_any_order() -> None:
    found = parse_declarations(
        """
        import other.module find(key: string) -> [Item]
        import wasmarket:kv get(key: string,) -> bytes
        keep(item: Item, rest: Vec<Vec<Item>>)
        record Item {name: string, size: Size,}
        record Size {width: u32}
        record Size {width: u32}
        """
    )

    [keep] = found.functions
    item = keep.parameters[0].type
    assert isinstance(item, RecordType)
    assert [part.name for part in item.fields] == ["name", "size"]
    assert isinstance(item.fields[1].type, RecordType)
    assert keep.parameters[1].type == ArrayType(ArrayType(item))
    assert [(module, wanted.name) for module, wanted in found.imports] == [
        ("other.module", "find"),
        ("wasmarket:kv", "get"),
    ]
    assert found.imports[0][1].outputs == (ArrayType(item),)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("record A {a: B}\nrecord B {b: [A]}\nf(a: A)", "contains itself"),
        ("record A {a: u8}\nrecord A {a: u16}", "line 2: the record A stands twice"),
        ("record A {a: Nothing}\nf(a: A)", "line 1: unknown type 'Nothing'"),
        ("f(a: A)", "line 1: unknown type 'A'"),
        ("import m f()\nimport m f()", "line 2: f stands twice"),
        ("record A {a}\nf(a: A)", "line 1: 'a' is no"),
    ],
)
def test_parse_declarations__mistakes__name_the_line(text: str, reason: str) -> None:
    with pytest.raises(ModuleError, match=re.escape(reason)):
        parse_declarations(text)


@pytest.mark.parametrize("text", ["f(a: " + "[" * 2_000 + "u8" + "]" * 2_000 + ")"])
def test_parse__arrays_without_end__are_refused(text: str) -> None:
    with pytest.raises(ModuleError, match="line 1: more than 32 arrays"):
        parse_signatures(text)


def test_parse__records_without_end__are_refused() -> None:
    records = [f"record R{n} {{a: R{n + 1}}}" for n in range(2_000)]

    with pytest.raises(ModuleError, match="records nest more than 32 levels"):
        parse_signatures("\n".join([*records, "record R2000 {a: u8}", "f(a: R0)"]))
