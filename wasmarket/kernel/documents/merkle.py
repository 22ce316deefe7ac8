"""Hash lists into trees as RFC 6962 does, prove that an entry is in one, and check such proofs."""

from collections.abc import Iterable, Sequence
from hashlib import sha256

from wasmarket.kernel.errors import InvalidInput

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
    at the largest power of two below n.
    """

    def __init__(self, entries: Iterable[bytes]) -> None:
        level = [leaf_hash(entry) for entry in entries]
        self._levels = [level]
        while len(level) > 1:
            above = [node_hash(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
            if len(level) % 2:
                above.append(level[-1])
            self._levels.append(above)
            level = above

    def __len__(self) -> int:
        return len(self._levels[0])

    @property
    def root(self) -> bytes:
        """Return the tree's 32-byte root."""
        return self._levels[-1][0] if self._levels[0] else EMPTY_ROOT

    def prove(self, index: int) -> list[bytes]:
        """Return the siblings from leaf to root. Raises InvalidInput for an index outside."""
        if not 0 <= index < len(self):
            raise InvalidInput(f"entry {index} is not among {len(self)}", field="index")
        proof = []
        for level in self._levels[:-1]:
            sibling = index ^ 1
            if sibling < len(level):
                proof.append(level[sibling])
            index >>= 1
        return proof


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
