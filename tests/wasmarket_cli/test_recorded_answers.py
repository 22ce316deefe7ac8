"""What a script was told of an answer leads to the hash in the answer's receipt."""

import json

import pytest

from peer.choreography.calls.results import compile_reshape
from peer.runtime.abi.described import describe_interface
from peer.runtime.abi.guest_types import (
    ArrayType,
    Basic,
    FunctionSignature,
    Interface,
    NamedType,
    OptionType,
    RecordType,
)
from peer.runtime.abi.json_values import compile_result
from wasmarket.kernel.hashing import sha256
from wasmarket_cli.scripts.recorded_answers import hash_answer

pytestmark = pytest.mark.unit

GREETING = RecordType("greeting", (NamedType("text", Basic.STRING), NamedType("data", Basic.BYTES)))
PAGE = RecordType("page", (NamedType("title", Basic.STRING), NamedType("first", GREETING)))
ADA, BOB = {"text": "Ada", "data": b"\x00\xff"}, {"text": "Bob", "data": b""}


@pytest.mark.parametrize(
    ("output", "answer"),
    [
        (Basic.STRING, "Ada"),
        (Basic.BYTES, b"\x01\x02"),
        (GREETING, ADA),
        (ArrayType(GREETING), [ADA, BOB]),
        (ArrayType(Basic.U32), [1, 2]),
        (ArrayType(Basic.BYTES), [b"a", b""]),
        (PAGE, {"title": "t", "first": BOB}),
        (
            OptionType(RecordType("pair", (NamedType("b", Basic.U8), NamedType("a", Basic.U8)))),
            None,
        ),
    ],
)
def test_answer__with_sorted_fields_and_bytes_as_numbers__has_the_hash_of_its_receipt(
    output, answer
):
    signature = FunctionSignature("f", (), (output,))
    recorded = compile_result(signature)(answer)
    reshape = compile_reshape(signature)
    told = json.loads(recorded)["result"]
    told = told if reshape is None else reshape(told)

    found = hash_answer(
        json.dumps(told, sort_keys=True), "f", describe_interface(Interface("", {"f": signature}))
    )

    assert found == sha256(recorded)


def test_record__inside_an_option__is_known_by_the_names_of_its_fields():
    records = [{"name": "pair", "fields": [{"name": n, "type": "u8"} for n in ("b", "a")]}]
    functions = [{"name": "f", "output": "option<pair>"}]

    found = hash_answer('{"a":1,"b":2}', "f", {"functions": functions, "records": records})

    assert found == sha256(b'{"result":{"b":2,"a":1}}')


def test_answer__that_is_another__has_another_hash():
    described = describe_interface(
        Interface("", {"f": FunctionSignature("f", (), (Basic.STRING,))})
    )

    assert hash_answer('"Eve"', "f", described) != hash_answer('"Ada"', "f", described)
