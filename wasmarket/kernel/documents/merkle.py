"""Hash lists into trees as RFC 6962 does, prove that an entry is in one, and check such proofs."""

from collections.abc import Iterable, Sequence
from hashlib import sha256

from wasmarket.kernel.errors import InvalidInput

NODE_BYTES = 32

EMPTY_ROOT = sha256().digest()
"""Root of the tree without entries."""


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of an entry: sha256(00 ‖ data)."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of two subtrees: sha256(01 ‖ left ‖ right)."""
    return sha256(b"\x01" + left + right).digest()


class MerkleTree:
    """A tree over entries in order, all levels kept, so that each proof costs O(log n).

    Pairing level by level and lifting an odd last node unchanged gives the same tree as splitting
    at the largest power of two below n. A level is one string of bytes: 64 bytes for each entry.
    """

    def __init__(self, entries: Iterable[bytes]) -> None:
        # The hashes are those of `leaf_hash` and `node_hash`, without their calls: an epoch may
        # have millions of receipts.
        level = bytearray()
        for entry in entries:
            level += sha256(b"\x00" + entry).digest()
        self._levels = [bytes(level)]
        while len(level) > NODE_BYTES:
            level = _pair_up(level)
            self._levels.append(bytes(level))

    def __len__(self) -> int:
        return len(self._levels[0]) // NODE_BYTES

    @property
    def held_bytes(self) -> int:
        """Return how much memory the nodes take."""
        return sum(map(len, self._levels))

    @property
    def root(self) -> bytes:
        """Return the tree's 32-byte root."""
        return self._levels[-1] or EMPTY_ROOT

    def prove(self, index: int) -> list[bytes]:
        """Return the siblings from leaf to root. Raises InvalidInput for an index outside."""
        if not 0 <= index < len(self):
            raise InvalidInput(f"entry {index} is not among {len(self)}", field="index")
        proof = []
        for level in self._levels[:-1]:
            start = (index ^ 1) * NODE_BYTES
            if start < len(level):
                proof.append(level[start : start + NODE_BYTES])
            index >>= 1
        return proof


def _pair_up(level: bytearray) -> bytearray:
    """Return the level above: pairs hashed, an odd last node as it is."""
    above = bytearray()
    pairs = len(level) // (2 * NODE_BYTES) * 2 * NODE_BYTES
    for start in range(0, pairs, 2 * NODE_BYTES):
        above += sha256(b"\x01" + level[start : start + 2 * NODE_BYTES]).digest()
    return above + level[pairs:]


def merkle_root(entries: Iterable[bytes]) -> bytes:
    """Return the root over `entries`; EMPTY_ROOT if there are none."""
    return MerkleTree(entries).root


def root_of_proof(entry: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes | None:
    """Return the root that `proof` leads to for `entry` at `index` of `size`, None if misshapen."""
    if not 0 <= index < size:
        return None
    result = leaf_hash(entry)
    place, last = index, size - 1
    rest = iter(proof)
    while last:
        # A last node without a sibling is lifted unchanged, so it takes nothing from the proof.
        if place % 2 or place < last:
            sibling = next(rest, None)
            if sibling is None or len(sibling) != 32:
                return None
            result = node_hash(sibling, result) if place % 2 else node_hash(result, sibling)
        place >>= 1
        last >>= 1
    return result if next(rest, None) is None else None


def verify_inclusion(
    entry: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes
) -> bool:
    """Say whether `proof` shows `entry` at `index` of the tree of `size` entries with `root`."""
    return root_of_proof(entry, index, size, proof) == root
