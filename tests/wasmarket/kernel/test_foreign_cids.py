"""Ids of other tools: every base, one spelling each, versions 0 and 1, ids that hold a block."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wasmarket.kernel.documents.content_ids import DAG_PB, RAW, Cid
from wasmarket.kernel.documents.foreign_cids import InlineCid, decode_any_cid, read_any_cid
from wasmarket.kernel.errors import InvalidInput
from wasmarket.kernel.multibase import BASES, decode_multibase, encode_base58, encode_multibase

pytestmark = pytest.mark.unit
CIDS = st.builds(Cid, st.sampled_from([RAW, DAG_PB]), st.binary(min_size=32, max_size=32))
INLINE = st.builds(InlineCid, st.sampled_from([RAW, DAG_PB]), st.binary(max_size=128))


@given(st.sampled_from(sorted(BASES)), st.binary(max_size=60))
def test_multibase__any_bytes_in_any_base__come_back(base: str, data: bytes) -> None:
    assert decode_multibase(encode_multibase(base, data)) == data


@given(st.sampled_from(sorted(BASES)), st.text(max_size=70))
def test_multibase__any_text__is_refused_or_the_one_spelling_of_its_bytes(
    base: str, digits: str
) -> None:
    with contextlib.suppress(InvalidInput):
        assert encode_multibase(base, decode_multibase(base + digits)) == base + digits


@pytest.mark.parametrize(
    ("text", "data"),
    [
        # The test vectors of the multibase specification.
        ("f796573206d616e692021", b"yes mani !"),
        ("F796573206D616E692021", b"yes mani !"),
        ("vf5in683dc5n6i811", b"yes mani !"),
        ("bpfsxgidnmfxgsibb", b"yes mani !"),
        ("hxf1zgedpcfzg1ebb", b"yes mani !"),
        ("k2lcpzo5yikidynfl", b"yes mani !"),
        ("K2LCPZO5YIKIDYNFL", b"yes mani !"),
        ("z7paNL19xttacUY", b"yes mani !"),
        ("Z7Pznk19XTTzBtx", b"yes mani !"),
        ("meWVzIG1hbmkgIQ", b"yes mani !"),
        ("ueWVzIG1hbmkgIQ", b"yes mani !"),
        ("z17paNL19xttacUY", b"\0yes mani !"),
        ("k02lcpzo5yikidynfl", b"\0yes mani !"),
    ],
)
def test_multibase__vectors_of_its_specification__are_read_and_written(
    text: str, data: bytes
) -> None:
    assert decode_multibase(text) == data
    assert encode_multibase(text[0], data) == text


@given(st.one_of(CIDS, INLINE), st.sampled_from(sorted(BASES)))
def test_read_any_cid__of_version_1__is_read_in_every_base(cid: Cid | InlineCid, base: str) -> None:
    text = encode_multibase(base, bytes(cid))

    read = read_any_cid(text)

    assert (read.cid, read.data, read.text) == (cid, bytes(cid), text)


@given(st.binary(min_size=32, max_size=32))
def test_read_any_cid__of_version_0__is_a_dag_pb_block(digest: bytes) -> None:
    read = read_any_cid(encode_base58(b"\x12\x20" + digest))

    assert read.cid == Cid(DAG_PB, digest)
    assert read.data == b"\x12\x20" + digest


@given(st.binary(max_size=60))
def test_decode_any_cid__any_bytes__is_refused_or_written_the_same(data: bytes) -> None:
    with contextlib.suppress(InvalidInput):
        cid = decode_any_cid(data)
        assert data in (bytes(cid), b"\x12\x20" + getattr(cid, "digest", b""))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x01",
        b"\x01\x55\x00",
        b"\x01\x55\x00\x01",
        b"\x01\x55\x00\x00\x00",
        b"\x01\x71\x80\x00\x00",
        b"\x01\xd5\x00\x00\x00",
        b"\x01\x71\x12\x20" + bytes(31),
        b"\x01\x71\x12\x20" + bytes(33),
        b"\x02\x55\x00\x00",
        b"\x01\x51\x00\x00",
        b"\x01\x55\x00\x81\x01" + bytes(129),
        b"\x12\x20" + bytes(31),
    ],
    ids=lambda data: data.hex()[:20],
)
def test_decode_any_cid__what_is_none__is_refused(data: bytes) -> None:
    with pytest.raises(InvalidInput):
        decode_any_cid(data)


def test_read_any_cid__text_without_end__is_refused_at_once() -> None:
    with pytest.raises(InvalidInput, match="more than 512"):
        read_any_cid("z" + "2" * 1_000_000)
