"""Sum up an epoch's receipts as they come, so that closing a busy epoch costs next to nothing."""

import struct
from collections.abc import Iterable, Sequence
from hashlib import sha256

from wasmarket.kernel.documents.merkle import node_hash
from wasmarket.kernel.documents.receipts import WORK_BYTE, WORK_CALL, ZERO, CallStatus

_SEQUENCE = slice(2 * 32 + 24, 3 * 32)
_COSTS_AT = 7 * 32
_COSTS = struct.Struct(">31xB24xQ24xQ")
"""Status, fuel and size, and where they are in a packed receipt (DESIGN 8.5)."""
_REFUSED = int(CallStatus.REFUSED)


class GrowingRoot:
    """The root of a tree of RFC 6962 that only grows: O(log n) memory, O(1) work per entry."""

    def __init__(self) -> None:
        self.size = 0
        self._peaks: list[bytes] = []
        """Roots of the full subtrees, largest first: one for each bit of `size`."""

    def add(self, entry: bytes) -> None:
        """Append an entry."""
        self.extend((entry,))

    def extend(self, entries: Iterable[bytes]) -> None:
        """Append entries. The hashes are those of `kernel.merkle`, without its function calls."""
        carry, peaks = self.size, self._peaks
        for entry in entries:
            node = sha256(b"\x00" + entry).digest()
            left = carry
            while left & 1:
                node = sha256(b"\x01" + peaks.pop() + node).digest()
                left >>= 1
            peaks.append(node)
            carry += 1
        self.size = carry

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
    """Count, fuel, work, root and last hash of one epoch of a chain."""

    def __init__(self) -> None:
        self.first_sequence = -1
        self.fuel = 0
        self.work = 0
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

    def add(self, records: Sequence[bytes]) -> None:
        """Add packed receipts, in order of sequence."""
        if not records:
            return
        if self.first_sequence < 0:
            self.first_sequence = int.from_bytes(records[0][_SEQUENCE], "big")
        fuel_sum, work, read = 0, 0, _COSTS.unpack_from
        for packed in records:
            status, fuel, size = read(packed, _COSTS_AT)
            fuel_sum += fuel
            # `call_work`, without a function call.
            if status != _REFUSED:
                work += WORK_CALL + fuel + WORK_BYTE * size
        self.fuel += fuel_sum
        self.work += work
        self._tree.extend(records)
        self.last_hash = sha256(records[-1]).digest()
