"""The tree of RFC 6962: known roots, proofs that hold, and forgeries that do not."""

import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wasmarket.kernel.documents.merkle import (
    MerkleTree,
    merkle_root,
    node_hash,
    root_of_proof,
    verify_inclusion,
)
from wasmarket.kernel.errors import InvalidInput

pytestmark = pytest.mark.unit

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "merkle.json").read_text())
ENTRIES = [bytes.fromhex(entry) for entry in VECTORS["entries"]]
LISTS = st.lists(st.binary(max_size=4), min_size=1, max_size=40)


def plain_root(entries):
    """The definition of RFC 6962 section 2.1, word for word."""
    if not entries:
        return hashlib.sha256().digest()
    if len(entries) == 1:
        return hashlib.sha256(b"\0" + entries[0]).digest()
    split = 1
    while split * 2 < len(entries):
        split *= 2
    left, right = plain_root(entries[:split]), plain_root(entries[split:])
    return hashlib.sha256(b"\1" + left + right).digest()


@pytest.mark.parametrize("size", range(9))
def test_merkle_root__known_tree__known_root(size):
    assert merkle_root(ENTRIES[:size]).hex() == VECTORS["roots"][size]


@pytest.mark.parametrize("vector", VECTORS["proofs"], ids=lambda v: f"{v['index']} of {v['size']}")
def test_prove__known_tree__known_path(vector):
    size, index = vector["size"], vector["index"]
    tree = MerkleTree(ENTRIES[:size])

    proof = tree.prove(index)

    assert [node.hex() for node in proof] == vector["proof"]
    assert verify_inclusion(ENTRIES[index], index, size, proof, tree.root)


@given(st.lists(st.binary(max_size=4), max_size=70))
def test_merkle_root__any_list__equals_the_definition(entries):
    assert merkle_root(entries) == plain_root(entries)


@given(LISTS, st.data())
def test_prove__any_entry__verifies_and_only_there(entries, data):
    index = data.draw(st.integers(0, len(entries) - 1))
    tree = MerkleTree(entries)
    proof = tree.prove(index)

    assert verify_inclusion(entries[index], index, len(entries), proof, tree.root)
    assert not verify_inclusion(entries[index] + b"x", index, len(entries), proof, tree.root)
    for other in range(len(entries)):
        if entries[other] != entries[index]:
            assert not verify_inclusion(entries[other], other, len(entries), proof, tree.root)


@given(LISTS, st.data())
def test_verify_inclusion__proof_damaged__refused(entries, data):
    index = data.draw(st.integers(0, len(entries) - 1))
    tree = MerkleTree(entries)
    proof = tree.prove(index)

    def holds(changed):
        return verify_inclusion(entries[index], index, len(entries), changed, tree.root)

    assert not holds([*proof, bytes(32)])
    if proof:
        place = data.draw(st.integers(0, len(proof) - 1))
        damaged = proof.copy()
        damaged[place] = bytes(byte ^ 1 for byte in damaged[place])
        assert not holds(damaged)
        assert not holds(proof[:-1])
        assert not holds([*proof[:-1], proof[-1] + b"\0"])


def test_verify_inclusion__inner_node_as_entry__refused():
    tree = MerkleTree(ENTRIES[:4])
    left, right = MerkleTree(ENTRIES[:2]).root, MerkleTree(ENTRIES[2:4]).root

    assert node_hash(left, right) == tree.root
    assert not verify_inclusion(left + right, 0, 1, [], tree.root)


@pytest.mark.parametrize(("index", "size"), [(-1, 1), (1, 1), (0, 0), (5, 2)])
def test_root_of_proof__index_outside__none(index, size):
    assert root_of_proof(b"", index, size, []) is None


@pytest.mark.parametrize("index", [-1, 8])
def test_prove__index_outside__refused(index):
    with pytest.raises(InvalidInput):
        MerkleTree(ENTRIES).prove(index)
