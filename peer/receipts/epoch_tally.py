"""Sum up an epoch's receipts as they come, so that closing a busy epoch costs next to nothing."""

from collections.abc import Iterable

from kernel.merkle import leaf_hash, node_hash
from kernel.receipts import ZERO, receipt_hash

_SEQUENCE = slice(2 * 32 + 24, 3 * 32)
_FUEL = slice(8 * 32 + 24, 9 * 32)
"""Where the last 8 bytes of these fields are in a packed receipt (DESIGN 8.5)."""
_NO_FUEL = bytes(8)


class GrowingRoot:
    """The root of a tree of RFC 6962 that only grows: O(log n) memory, O(1) work per entry."""

    def __init__(self) -> None:
        self.size = 0
        self._peaks: list[bytes] = []
        """Roots of the full subtrees, largest first: one for each bit of `size`."""

    def add(self, entry: bytes) -> None:
        """Append an entry."""
        node = leaf_hash(entry)
        carry, peaks = self.size, self._peaks
        while carry & 1:
            node = node_hash(peaks.pop(), node)
            carry >>= 1
        peaks.append(node)
        self.size += 1

    @property
    def root(self) -> bytes:
        """Return the root over all entries, ZERO if there are none."""
        if not self._peaks:
            return ZERO
        node = self._peaks[-1]
        for peak in self._peaks[-2::-1]:
            node = node_hash(peak, node)
        return node


class EpochTally:
    """Count, fuel, root and last hash of one epoch of a chain."""

    def __init__(self) -> None:
        self.first_sequence = -1
        self.fuel = 0
        self.last_hash = ZERO
        self._tree = GrowingRoot()

    @property
    def count(self) -> int:
        """Return how many receipts were added."""
        return self._tree.size

    @property
    def root(self) -> bytes:
        """Return the root over the receipts, ZERO if there are none."""
        return self._tree.root

    def add(self, records: Iterable[bytes]) -> None:
        """Add packed receipts, in order of sequence."""
        last, add = None, self._tree.add
        for packed in records:
            if self.first_sequence < 0:
                self.first_sequence = int.from_bytes(packed[_SEQUENCE], "big")
            fuel = packed[_FUEL]
            if fuel != _NO_FUEL:
                self.fuel += int.from_bytes(fuel, "big")
            add(packed)
            last = packed
        if last is not None:
            self.last_hash = receipt_hash(last)
