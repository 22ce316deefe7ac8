"""The outline of core modules: what is read, what is refused, what appending keeps."""

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wasmtime import wat2wasm

from peer.runtime.errors import ModuleError
from peer.runtime.wasm.binary import ByteReader
from peer.runtime.wasm.sections import (
    CoreFunction,
    CoreType,
    append_custom,
    read_custom,
    read_outline,
    remove_custom,
)
from tests.peer.runtime.guests import COUNTER, LOGGER
from wasmarket.kernel.documents.varints import encode_varint

pytestmark = pytest.mark.unit
EMPTY = bytes(wat2wasm("(module)"))


@given(st.integers(0, 2**32 - 1))
def test_leb__any_number__comes_back(number: int) -> None:
    assert ByteReader(encode_varint(number), "test").read_leb() == number


@pytest.mark.parametrize("data", [b"\xff\xff\xff\xff\x7f", b"\x80\x80\x80\x80\x80\x01"])
def test_leb__more_than_32_bits__is_refused(data: bytes) -> None:
    with pytest.raises(ModuleError, match="too large: more than 32 bits"):
        ByteReader(data, "test").read_leb()


def test_read_outline__imports_and_exports__are_typed() -> None:
    outline = read_outline(LOGGER)

    assert [(i.module, i.name) for i in outline.imports] == [
        ("__marine_host_api_v1", "log_utf8_string")
    ]
    assert outline.functions["say"] == CoreFunction((CoreType.I32,), ())
    assert outline.memory_bytes == 2 * 65536
    assert outline.memories == {"memory"}


@pytest.mark.parametrize(
    ("wasm", "reason"),
    [
        (b"", "not a WebAssembly module"),
        (b"#!/bin/sh", "not a WebAssembly module"),
        (b"\0asm\x0d\0\1\0", "component"),
        (b"\0asm\x01\0\0\0\x63\0", "unknown section 99"),
        (COUNTER[:-5], "ends in the middle"),
        (b"\0asm\x01\0\0\0\x07\x05\x01\x01f\x00\x09", "function 9 has no type"),
        (EMPTY + b"\x01\x01\x00" * 2, "section 1 stands twice"),
        (EMPTY + b"\x00\x01\x00" * 10_001, "more than 10000 sections"),
        (EMPTY + b"\x01\x03\xa1\x9c\x01", "has 20001 types, more than 20000"),
        (EMPTY + b"\x01\x04\x01\x60\xe9\x07", "has 1001 parameters, more than 1000"),
        (EMPTY + b"\x02\x02\x91\x4e", "has 10001 imports, more than 10000"),
        (EMPTY + b"\x03\x03\xa1\xc2\x1e", "has 500001 functions, more than 500000"),
        (EMPTY + b"\x07\x03\xd1\x86\x03", "has 50001 exports, more than 50000"),
    ],
)
def test_read_outline__broken_bytes__are_refused(wasm: bytes, reason: str) -> None:
    with pytest.raises(ModuleError, match=reason):
        read_outline(wasm)


@settings(max_examples=200)
@given(st.data())
def test_read_outline__any_cut_or_flipped_bytes__never_crashes(data: st.DataObject) -> None:
    wasm = bytearray(LOGGER)
    for _ in range(data.draw(st.integers(1, 4))):
        wasm[data.draw(st.integers(8, len(wasm) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(ModuleError):
        read_outline(bytes(wasm))


@given(st.text(min_size=1, max_size=300), st.binary(max_size=300))
def test_append_custom__any_content__is_read_back(name: str, content: bytes) -> None:
    assert read_custom(append_custom(EMPTY, name, content)) == {name: content}


def test_remove_custom__one_of_two__keeps_the_other() -> None:
    wasm = append_custom(append_custom(EMPTY, "keep", b"1"), "drop", b"2")

    assert read_custom(remove_custom(wasm, frozenset({"drop"}))) == {"keep": b"1"}


def test_read_custom__two_interfaces__are_refused() -> None:
    wasm = append_custom(append_custom(EMPTY, "interface-types", b""), "interface-types", b"")

    with pytest.raises(ModuleError, match="two interface-types"):
        read_custom(wasm)
