"""Receipts and summaries: packed as the ABI does, chained, and summed up in one root."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from eth_abi import encode
from hypothesis import given
from hypothesis import strategies as st

from wasmarket.kernel.documents.merkle import EMPTY_ROOT, verify_inclusion
from wasmarket.kernel.documents.receipts import (
    ZERO,
    CallStatus,
    Receipt,
    Summary,
    call_work,
    epoch_root,
    epoch_tree,
    function_hash,
    pack_receipt,
    pack_summary,
    receipt_hash,
    receipts_root,
    unpack_receipt,
    unpack_summary,
    value_digest,
)
from wasmarket.kernel.errors import InvalidInput

pytestmark = pytest.mark.unit

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "receipts.json").read_text())
U32, U64 = st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1)
B32 = st.binary(min_size=32, max_size=32)
RECEIPTS = st.builds(
    Receipt, U32, U32, U64, B32, B32, B32, B32, st.sampled_from(CallStatus), U64, U64, U64, U64, B32
)
SUMMARIES = st.builds(Summary, U32, U64, U32, U32, U64, U64, U64, U64, B32, B32)
RECEIPT_TYPES = [
    *("uint32", "uint32", "uint64", "bytes32", "bytes32", "bytes32", "bytes32"),
    *("uint8", "uint64", "uint64", "uint64", "uint64", "bytes32"),
]
SUMMARY_TYPES = [
    *("uint32", "uint64", "uint32", "uint32", "uint64", "uint64", "uint64"),
    *("uint64", "bytes32", "bytes32"),
]


def values(vector):
    """Fields of a vector; hex where the field is 32 bytes."""
    return {
        name: bytes.fromhex(value) if isinstance(value, str) else value
        for name, value in vector["fields"].items()
    }


def receipt_of(vector):
    fields = values(vector)
    return Receipt(**fields | {"status": CallStatus(fields["status"])})


@pytest.mark.parametrize("vector", [*VECTORS["chain"], VECTORS["extreme"]])
def test_pack_receipt__vector__same_bytes_and_hash(vector):
    packed = pack_receipt(receipt_of(vector))

    assert packed.hex() == vector["packed"]
    assert receipt_hash(packed).hex() == vector["sha256"]
    assert unpack_receipt(packed) == receipt_of(vector)


def test_receipts__vector_chain__each_names_the_one_before():
    head = ZERO
    for vector in VECTORS["chain"]:
        receipt = receipt_of(vector)
        assert receipt.previous == head
        head = receipt_hash(pack_receipt(receipt))


def test_receipts_root__vector_chain__is_the_summary_s():
    packed = [pack_receipt(receipt_of(vector)) for vector in VECTORS["chain"]]

    assert receipts_root(packed).hex() == VECTORS["receipts_root"]
    assert receipts_root([]) == ZERO


def test_epoch_root__vector_in_any_order__is_by_assignment():
    summaries = [Summary(**values(vector)) for vector in VECTORS["summaries"]]
    for vector, summary in zip(VECTORS["summaries"], summaries, strict=True):
        assert pack_summary(summary).hex() == vector["packed"]
        assert unpack_summary(pack_summary(summary)) == summary

    assert epoch_root(summaries).hex() == VECTORS["epoch_root"]
    assert epoch_root(reversed(summaries)).hex() == VECTORS["epoch_root"]


def test_epoch_tree__proof_of_a_summary__checks_against_the_root():
    summaries = [Summary(**values(vector)) for vector in VECTORS["summaries"]]
    tree = epoch_tree(summaries)

    proof = tree.prove(1)

    root = bytes.fromhex(VECTORS["epoch_root"])
    entry = pack_summary(sorted(summaries, key=lambda s: s.assignment)[1])
    assert verify_inclusion(entry, 1, 3, proof, root)


def test_epoch_root__no_assignment__is_the_empty_tree_s():
    assert epoch_root([]) == EMPTY_ROOT


def test_function_hash__vector__same():
    vector = VECTORS["function_hash"]

    assert function_hash(vector["service"], vector["function"]).hex() == vector["hash"]


@pytest.mark.parametrize("vector", VECTORS["chain"])
def test_value_and_work__vector__same(vector):
    r = receipt_of(vector)

    assert value_digest(r.output, r.status, r.fuel, r.size).hex() == vector["value"]
    assert call_work(r.status, r.fuel, r.size) == vector["work"]


@given(RECEIPTS)
def test_pack_receipt__any__equals_abi_encoding_and_reads_back(receipt):
    packed = pack_receipt(receipt)

    fields = [getattr(receipt, name) for name in Receipt.__slots__]
    assert packed == encode(RECEIPT_TYPES, fields)
    assert unpack_receipt(packed) == receipt


@given(SUMMARIES)
def test_pack_summary__any__equals_abi_encoding_and_reads_back(summary):
    packed = pack_summary(summary)

    fields = [getattr(summary, name) for name in Summary.__slots__]
    assert packed == encode(SUMMARY_TYPES, fields)
    assert unpack_summary(packed) == summary


@given(RECEIPTS, st.integers(0, 415), st.integers(1, 255))
def test_unpack_receipt__byte_changed__refused_or_other_receipt(receipt, place, change):
    packed = bytearray(pack_receipt(receipt))
    packed[place] ^= change

    try:
        other = unpack_receipt(bytes(packed))
    except InvalidInput:
        return
    assert other != receipt
    assert pack_receipt(other) == bytes(packed)


@pytest.mark.parametrize(
    "change",
    [
        {"deal": 2**32},
        {"assignment": -1},
        {"sequence": 2**64},
        {"fuel": 2**64},
        {"size": 2**64},
        {"app": b"short"},
        {"previous": bytes(33)},
    ],
)
def test_pack_receipt__field_out_of_range__refused(change):
    receipt = receipt_of(VECTORS["chain"][0])

    with pytest.raises(InvalidInput):
        pack_receipt(replace(receipt, **change))


@pytest.mark.parametrize("change", [{"peer": 2**32}, {"count": -1}, {"chain_head": b""}])
def test_pack_summary__field_out_of_range__refused(change):
    summary = Summary(**values(VECTORS["summaries"][0]))

    with pytest.raises(InvalidInput):
        pack_summary(replace(summary, **change))


def test_unpack__wrong_length_or_padding_or_status__refused():
    packed = bytes.fromhex(VECTORS["chain"][0]["packed"])
    summary = bytes.fromhex(VECTORS["summaries"][0]["packed"])

    for data in (packed[:-1], packed + b"\0", b"", b"\1" + packed[1:]):
        with pytest.raises(InvalidInput):
            unpack_receipt(data)
    with pytest.raises(InvalidInput, match="6 is no status"):
        unpack_receipt(packed[: 8 * 32 - 1] + b"\6" + packed[8 * 32 :])
    for data in (summary[:-1], b"\1" + summary[1:]):
        with pytest.raises(InvalidInput):
            unpack_summary(data)


def test_epoch_tree__mixed_epochs_or_assignment_twice__refused():
    first = Summary(**values(VECTORS["summaries"][0]))

    with pytest.raises(InvalidInput, match="one peer and epoch"):
        epoch_tree([first, replace(first, assignment=99, epoch=1)])
    with pytest.raises(InvalidInput, match="two summaries"):
        epoch_tree([first, first])
