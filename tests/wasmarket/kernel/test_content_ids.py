"""Content ids: the ones IPFS gives, in their one spelling, and nothing else."""

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wasmarket.kernel.documents.content_ids import (
    DAG_PB,
    RAW,
    Cid,
    app_cid,
    app_hash,
    check_block,
    dag_pb_cid,
    decode_cid,
    parse_cid,
    raw_cid,
)
from wasmarket.kernel.errors import BadContent, InvalidInput
from wasmarket.kernel.units import Hash

pytestmark = pytest.mark.unit

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "cids.json").read_text())
CIDS = st.builds(Cid, st.sampled_from([RAW, DAG_PB]), st.binary(min_size=32, max_size=32))


@pytest.mark.parametrize("known", VECTORS["known"], ids=lambda known: known["what"])
def test_cid__known_block__is_what_ipfs_says(known):
    block = bytes.fromhex(known["hex"])
    make = raw_cid if known["codec"] == "raw" else dag_pb_cid

    assert str(make(block)) == known["cid"]
    assert parse_cid(known["cid"]) == make(block)


@pytest.mark.parametrize("refused", VECTORS["refused"], ids=lambda refused: refused["why"])
def test_parse_cid__other_spelling_or_kind__refused_with_remedy(refused):
    with pytest.raises(InvalidInput) as caught:
        parse_cid(refused["text"], field="cid")

    assert caught.value.field == "cid"
    assert caught.value.remedy


def test_parse_cid__version_0__says_how_to_convert():
    with pytest.raises(InvalidInput, match="CIDv0") as caught:
        parse_cid("QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn")

    assert "ipfs cid base32" in (caught.value.remedy or "")


def test_parse_cid__not_text__refused():
    with pytest.raises(InvalidInput):
        parse_cid(7)  # type: ignore[arg-type]


@given(CIDS)
def test_cid__any__reads_back_from_both_forms(cid):
    assert parse_cid(str(cid)) == cid
    assert decode_cid(bytes(cid)) == cid
    assert len(str(cid)) == 59


@given(CIDS, st.integers(0, 58), st.sampled_from("abcdefghijklmnopqrstuvwxyz234567"))
def test_parse_cid__one_character_changed__never_the_same_id(cid, place, letter):
    text = str(cid)
    changed = text[:place] + letter + text[place + 1 :]
    if changed == text:
        return

    with contextlib.suppress(InvalidInput):
        assert parse_cid(changed) != cid


@given(st.binary(max_size=64))
def test_decode_cid__any_bytes__reads_only_what_it_writes(data):
    try:
        cid = decode_cid(data)
    except InvalidInput:
        return

    assert bytes(cid) == data


def test_app_hash__manifest_id__is_its_digest_both_ways():
    cid = raw_cid(b"{}")

    assert app_hash(cid) == Hash("0x" + cid.digest.hex())
    assert app_cid(app_hash(cid)) == cid


def test_app_hash__dag_pb__refused():
    with pytest.raises(InvalidInput, match="not a raw block"):
        app_hash(dag_pb_cid(b""))


def test_check_block__other_bytes__bad_content():
    check_block(raw_cid(b"a"), b"a")

    with pytest.raises(BadContent, match="do not hash"):
        check_block(raw_cid(b"a"), b"b")


def test_cid__digest_of_another_length__never_made():
    with pytest.raises(InvalidInput, match="32 bytes, this has 31"):
        Cid(RAW, bytes(31))


@pytest.mark.parametrize(("place", "value"), [(0, 0), (1, 0x71), (2, 0x16), (3, 31)])
def test_decode_cid__other_version_codec_hash_or_length__refused(place, value):
    data = bytearray(bytes(raw_cid(b"a")))
    data[place] = value

    with pytest.raises(InvalidInput):
        decode_cid(bytes(data))
