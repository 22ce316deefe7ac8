"""Read the receipts of one assignment from a folder: one file of records for each epoch.

The folder is a peer's own, or a copy of it.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from wasmarket.kernel.documents.receipts import (
    RECEIPT_BYTES,
    ZERO,
    receipt_hash,
    unpack_receipt,
)

SUFFIX = ".receipts"


class ChainHead(msgspec.Struct, frozen=True, gc=False):
    """The newest receipt of a chain: its number and hash; ZERO and -1 when there is none."""

    sequence: int
    hash: bytes


NO_HEAD = ChainHead(-1, ZERO)


class EpochFiles:
    """The receipts in a folder; reads only."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def epochs(self) -> list[int]:
        """Return the epochs that have receipts, ascending."""
        return sorted(
            int(path.stem) for path in self._folder.glob(f"*{SUFFIX}") if path.stem.isdecimal()
        )

    @property
    def last_epoch(self) -> int:
        """Return the newest epoch that has receipts, -1 if none has."""
        return max(self.epochs(), default=-1)

    def read_epoch(self, epoch: int) -> list[bytes]:
        """Return the packed receipts of an epoch, in order of sequence."""
        try:
            data = self.path_of(epoch).read_bytes()
        except FileNotFoundError:
            return []
        return list(read_records(data))

    def read_some(self, epoch: int, after: int, count: int) -> list[bytes]:
        """Return at most `count` packed receipts of an epoch whose sequence is above `after`."""
        try:
            with self.path_of(epoch).open("rb") as file:
                first = file.read(RECEIPT_BYTES)
                if len(first) < RECEIPT_BYTES:
                    return []
                skipped = max(0, after + 1 - unpack_receipt(first).sequence)
                file.seek(skipped * RECEIPT_BYTES)
                return list(read_records(file.read(count * RECEIPT_BYTES)))
        except FileNotFoundError:
            return []

    def find(self, sequence: int) -> ChainHead | None:
        """Return the receipt of a number, None if it is not here."""
        for epoch in reversed(self.epochs()):
            found = self.read_some(epoch, sequence - 1, 1)
            if found and unpack_receipt(found[0]).sequence == sequence:
                return ChainHead(sequence, receipt_hash(found[0]))
        return None

    def is_pruned(self, sequence: int) -> bool:
        """Say whether the receipt of a number was here so long ago that it had to go."""
        oldest = next((self.read_some(epoch, -1, 1) for epoch in self.epochs()), [])
        return bool(oldest) and unpack_receipt(oldest[0]).sequence > sequence

    def last_of(self, epoch: int) -> ChainHead:
        """Return the newest receipt of an epoch or of those before it, NO_HEAD if there is none."""
        for earlier in reversed([known for known in self.epochs() if known <= epoch]):
            with self.path_of(earlier).open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                if size < RECEIPT_BYTES:
                    continue
                file.seek(size - size % RECEIPT_BYTES - RECEIPT_BYTES)
                packed = file.read(RECEIPT_BYTES)
            return ChainHead(unpack_receipt(packed).sequence, receipt_hash(packed))
        return NO_HEAD

    def path_of(self, epoch: int) -> Path:
        """Return where an epoch's receipts lie."""
        return self._folder / f"{epoch:010d}{SUFFIX}"


def read_records(data: bytes) -> Iterator[bytes]:
    """Yield the whole records of a file."""
    for start in range(0, len(data) - RECEIPT_BYTES + 1, RECEIPT_BYTES):
        yield data[start : start + RECEIPT_BYTES]
