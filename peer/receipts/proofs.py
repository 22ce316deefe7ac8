"""Prove that a receipt is in its epoch's tree without hashing the epoch for each question."""

import threading
from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

from peer.receipts.epoch_files import EpochFiles
from wasmarket.kernel.documents.merkle import MerkleTree
from wasmarket.kernel.documents.receipts import Summary

READ_AT_ONCE: Final = 4_096
"""Receipts; an epoch may have millions."""
KEPT_BYTES: Final = 64 << 20


class ReceiptTrees:
    """The trees that were asked for last; of closed epochs only, which change no more.

    Safe to share between threads. Each tree is built once, however many ask for it at a time.
    """

    def __init__(self, kept_bytes: int = KEPT_BYTES) -> None:
        """Keep at most so many bytes of nodes; one tree, however large, is always kept."""
        self._kept_bytes = kept_bytes
        self._lock = threading.Lock()
        self._trees: OrderedDict[tuple[int, int], MerkleTree] = OrderedDict()
        self.built = 0
        """How many trees were built."""

    def prove(self, chain: EpochFiles, summary: Summary, index: int) -> list[bytes] | None:
        """Return the proof of the receipt at `index` of a closed epoch, as its summary says.

        None if the receipts are not those any more that were summed up: pruned, or damaged.
        """
        with self._lock:
            tree = self._find(chain, summary)
            if len(tree) != summary.count or tree.root != summary.receipts_root:
                # They may be restored meanwhile.
                del self._trees[summary.assignment, summary.epoch]
                return None
        return tree.prove(index)

    def _find(self, chain: EpochFiles, summary: Summary) -> MerkleTree:
        key = (summary.assignment, summary.epoch)
        tree = self._trees.pop(key, None)
        if tree is None:
            tree = MerkleTree(_read_all(chain, summary))
            self.built += 1
        self._trees[key] = tree
        held = sum(known.held_bytes for known in self._trees.values())
        while held > self._kept_bytes and len(self._trees) > 1:
            _, oldest = self._trees.popitem(last=False)
            held -= oldest.held_bytes
        return tree


def _read_all(chain: EpochFiles, summary: Summary) -> Iterable[bytes]:
    after = summary.first_sequence - 1
    while records := chain.read_some(summary.epoch, after, READ_AT_ONCE):
        yield from records
        after += len(records)
