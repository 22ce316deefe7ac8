"""Prove that a receipt is in its epoch's tree without hashing the epoch for each question."""

import threading
from collections import OrderedDict
from collections.abc import Iterable
from hashlib import sha256
from typing import Final

from peer.receipts.chain_file import ReceiptChain
from wasmarket.kernel.documents.receipts import Summary

NODE: Final = 32
READ_AT_ONCE: Final = 4_096
"""Receipts; an epoch may have millions."""
KEPT_BYTES: Final = 64 << 20


class FlatTree:
    """The tree of `kernel.merkle` in one string of bytes a level: 64 bytes for each entry."""

    def __init__(self, entries: Iterable[bytes]) -> None:
        level = bytearray()
        for entry in entries:
            level += sha256(b"\x00" + entry).digest()
        self._levels = [bytes(level)]
        while len(level) > NODE:
            level = _pair_up(level)
            self._levels.append(bytes(level))

    def __len__(self) -> int:
        return len(self._levels[0]) // NODE

    @property
    def held_bytes(self) -> int:
        """Return how much memory the nodes take."""
        return sum(map(len, self._levels))

    @property
    def root(self) -> bytes:
        """Return the root, no bytes at all for no entries."""
        return self._levels[-1]

    def prove(self, index: int) -> list[bytes]:
        """Return the siblings from an entry to the root."""
        proof = []
        for level in self._levels[:-1]:
            start = (index ^ 1) * NODE
            if start < len(level):
                proof.append(level[start : start + NODE])
            index >>= 1
        return proof


class ReceiptTrees:
    """The trees that were asked for last; of closed epochs only, which change no more.

    Safe to share between threads. Each tree is built once, however many ask for it at a time.
    """

    def __init__(self, kept_bytes: int = KEPT_BYTES) -> None:
        """Keep at most so many bytes of nodes; one tree, however large, is always kept."""
        self._kept_bytes = kept_bytes
        self._lock = threading.Lock()
        self._trees: OrderedDict[tuple[int, int], FlatTree] = OrderedDict()
        self.built = 0
        """How many trees were built."""

    def prove(self, chain: ReceiptChain, summary: Summary, index: int) -> list[bytes] | None:
        """Return the proof of the receipt at `index` of a closed epoch, as its summary says.

        None if the receipts are not those any more that were summed up: pruned, or damaged.
        """
        with self._lock:
            tree = self._find(chain, summary)
        if len(tree) != summary.count or tree.root != summary.receipts_root:
            return None
        return tree.prove(index)

    def _find(self, chain: ReceiptChain, summary: Summary) -> FlatTree:
        key = (summary.assignment, summary.epoch)
        tree = self._trees.pop(key, None)
        if tree is None:
            tree = FlatTree(_read_all(chain, summary))
            self.built += 1
        self._trees[key] = tree
        held = sum(known.held_bytes for known in self._trees.values())
        while held > self._kept_bytes and len(self._trees) > 1:
            _, oldest = self._trees.popitem(last=False)
            held -= oldest.held_bytes
        return tree


def _read_all(chain: ReceiptChain, summary: Summary) -> Iterable[bytes]:
    after = summary.first_sequence - 1
    while records := chain.read_some(summary.epoch, after, READ_AT_ONCE):
        yield from records
        after += len(records)


def _pair_up(level: bytearray) -> bytearray:
    """Return the level above: pairs hashed, an odd last node as it is."""
    above = bytearray()
    pairs = len(level) // (2 * NODE) * 2 * NODE
    for start in range(0, pairs, 2 * NODE):
        above += sha256(b"\x01" + level[start : start + 2 * NODE]).digest()
    return above + level[pairs:]
