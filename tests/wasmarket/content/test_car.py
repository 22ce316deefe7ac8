"""CAR files: those of other tools are read, ours come back, damaged ones are refused."""

import base64
import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wasmarket.content.car import read_car, write_car
from wasmarket.content.exporter import read_file
from wasmarket.kernel.documents.content_ids import Cid, dag_pb_cid, parse_cid, raw_cid
from wasmarket.kernel.documents.foreign_cids import InlineCid
from wasmarket.kernel.errors import BadContent, InvalidInput, TooLarge

pytestmark = pytest.mark.unit

VECTOR = json.loads((Path(__file__).parents[2] / "vectors" / "cids.json").read_text())["car"]
BLOCKS = st.lists(
    st.tuples(st.sampled_from([raw_cid, dag_pb_cid]), st.binary(max_size=50)), max_size=6
).map(lambda pairs: [(make(block), block) for make, block in pairs])


def test_read_car__of_another_tool__gives_its_file():
    car = read_car(base64.b64decode(VECTOR["base64"]))

    blocks = dict(car.blocks)
    words = (hashlib.sha256(i.to_bytes(8, "big")).digest() for i in range(10))
    assert car.roots == (parse_cid(VECTOR["cid"]),)
    assert read_file(car.roots[0], blocks.__getitem__) == b"".join(words)[: VECTOR["size"]]


def test_write_car__blocks_of_another_tool__same_bytes():
    data = base64.b64decode(VECTOR["base64"])
    car = read_car(data)

    assert b"".join(write_car(car.roots, car.blocks)) == data


@given(BLOCKS, st.integers(0, 30))
def test_write_car__any_blocks_and_roots__read_back(blocks, count):
    roots = [raw_cid(bytes([i])) for i in range(count)]

    car = read_car(b"".join(write_car(roots, blocks)))

    assert car.roots == tuple(roots)
    assert car.blocks == tuple(blocks)


@pytest.mark.parametrize("count", [0, 1, 23, 24, 255, 256, 1_000])
def test_write_car__number_of_roots__at_every_width(count):
    roots = [raw_cid(i.to_bytes(2, "big")) for i in range(count)]

    assert read_car(b"".join(write_car(roots, []))).roots == tuple(roots)


def test_write_car__too_many_roots__refused():
    with pytest.raises(InvalidInput, match="at most 1000"):
        list(write_car([raw_cid(b"")] * 1_001, []))


@given(BLOCKS.filter(bool), st.data())
def test_read_car__cut_anywhere_but_between_blocks__refused(blocks, data):
    pieces = list(write_car([blocks[0][0]], blocks))
    ends = {sum(map(len, pieces[:i])) for i in range(1, len(pieces) + 1)}
    whole = b"".join(pieces)
    cut = data.draw(st.integers(0, len(whole) - 1).filter(lambda at: at not in ends))

    with pytest.raises(BadContent):
        read_car(whole[:cut])


@given(BLOCKS.filter(bool), st.data())
def test_read_car__byte_changed__never_a_block_under_a_wrong_id(blocks, data):
    whole = bytearray(b"".join(write_car([blocks[0][0]], blocks)))
    whole[data.draw(st.integers(0, len(whole) - 1))] ^= data.draw(st.integers(1, 255))

    try:
        car = read_car(bytes(whole))
    except BadContent:
        return
    for cid, block in car.blocks:
        assert Cid(cid.codec, hashlib.sha256(block).digest()) == cid


HEADER = next(write_car([raw_cid(b"a")], []))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "cut short"),
        (b"\x0a\xa1gversion\x02" + b"\0" * 40, "version 2"),
        (b"\x00", "header"),
        (b"\x01\xa0", "header"),
        (b"\x07\xa2eroots", "header"),
        (HEADER.replace(b"gversion\x01", b"gversion\x03"), "header"),
        (HEADER.replace(b"\xd8\x2a", b"\xd8\x2b"), "header"),
        (HEADER.replace(b"\x01\x55\x12\x20", b"\x01\x71\x12\x20"), "header"),
        (b"\x11\xa2eroots\x9f\xffgversion\x01"[:-1] + b"\x01", "header"),
        (HEADER + b"\x22\x12\x20" + bytes(32), "do not hash"),
        (HEADER + b"\x24\x01\x71\x13\x20" + bytes(32), "do not read"),
        (HEADER + b"\x06\x01\x55\x00\x01ab", "holds others"),
        (HEADER + b"\x05\x01\x55\x00\x02a", "do not read"),
        (HEADER + b"\x25" + bytes(raw_cid(b"a")) + b"b", "do not hash"),
        (HEADER + b"\x25" + bytes(raw_cid(b"a")), "cut short"),
        (HEADER + b"\x00", "do not read"),
        (HEADER + b"\xff" * 9, "too large"),
    ],
)
def test_read_car__malformed__refused(data, message):
    with pytest.raises(BadContent, match=message):
        read_car(data)


def test_read_car__block_larger_than_allowed__refused():
    block = bytes(101)
    data = b"".join(write_car([], [(raw_cid(block), block)]))

    assert read_car(data, max_block=101).blocks
    with pytest.raises(BadContent, match="101 bytes, 100 are allowed"):
        read_car(data, max_block=100)


def test_read_car__section_larger_than_any_block__refused_before_it_is_read():
    with pytest.raises(BadContent, match="a section of the CAR has"):
        read_car(HEADER + b"\xff\xff\x7f" + bytes(10), max_block=100)


def test_read_car__more_blocks_than_allowed__refused():
    data = b"".join(write_car([], [(raw_cid(b"a"), b"a")] * 3))

    assert len(read_car(data, max_blocks=3).blocks) == 3
    with pytest.raises(TooLarge, match="more than 2 blocks"):
        read_car(data, max_blocks=2)


def test_read_car__ids_of_other_tools__are_read():
    node = b"\x0a\x02\x08\x01"
    v0, inline = b"\x12\x20" + dag_pb_cid(node).digest, InlineCid(0x55, b"tiny")
    long = InlineCid(0x55, b"x" * 100)

    car = read_car(
        b"".join(write_car([v0, inline, long], [(v0, node), (inline, b"tiny"), (long, long.data)]))
    )

    assert car.roots == (dag_pb_cid(node), inline, long)
    assert car.blocks == ((dag_pb_cid(node), node),)
