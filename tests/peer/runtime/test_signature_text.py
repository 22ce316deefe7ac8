"""Signatures written by people, in our spelling and in Rust's."""

import pytest

from peer.runtime.errors import ModuleError
from peer.runtime.guest_types import ArrayType, Basic, Field, Signature
from peer.runtime.signature_text import parse_signatures

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
        Signature("greeting", (Field("name", Basic.STRING),), (Basic.STRING,)),
        Signature("digest", (Field("data", Basic.BYTES),), (Basic.BYTES,)),
        Signature("add", (Field("a", Basic.U64), Field("b", Basic.S64)), (Basic.F32,)),
        Signature("tidy", (Field("lists", ArrayType(ArrayType(Basic.STRING))),), ()),
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
