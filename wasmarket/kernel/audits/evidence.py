"""Summaries and receipts with their ways to a committed root, as `Audits` takes them.

The chain knows a root; whoever shows a summary that leads to it, and a receipt that leads to the
summary's own root, has proven both.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from wasmarket.kernel.documents.merkle import root_of_proof
from wasmarket.kernel.documents.receipts import (
    RECEIPT_BYTES,
    SUMMARY_BYTES,
    Receipt,
    Summary,
    pack_receipt,
    pack_summary,
    unpack_receipt,
    unpack_summary,
)
from wasmarket.kernel.errors import InvalidInput

WORD = 32
MOST_SUMMED = 16
"""Longest path of a summary: 65,536 assignments of a peer."""
MOST_CALLED = 32
"""Longest path of a receipt."""


@dataclass(frozen=True, slots=True)
class Summed:
    """A summary at `place` of `size` in an epoch's tree; `path`: the siblings, from the leaf."""

    fields: tuple[int, ...]
    place: int
    size: int
    path: tuple[bytes, ...]

    @property
    def packed(self) -> bytes:
        """Return the summary's bytes."""
        return join_words(self.fields)

    @property
    def summary(self) -> Summary:
        """Return the summary. Raises InvalidInput."""
        return unpack_summary(self.packed)

    def leads_to(self, root: bytes) -> bool:
        """Say whether it is in the tree with this root."""
        return root_of_proof(self.packed, self.place, self.size, self.path) == root


@dataclass(frozen=True, slots=True)
class Called:
    """A receipt at `place` of its epoch; the tree's size is its summary's count."""

    fields: tuple[int, ...]
    place: int
    path: tuple[bytes, ...]

    @property
    def packed(self) -> bytes:
        """Return the receipt's bytes."""
        return join_words(self.fields)

    @property
    def receipt(self) -> Receipt:
        """Return the receipt. Raises InvalidInput."""
        return unpack_receipt(self.packed)

    def leads_to(self, summary: Summary) -> bool:
        """Say whether it is among the receipts of a summary."""
        return (
            root_of_proof(self.packed, self.place, summary.count, self.path)
            == summary.receipts_root
        )


NO_RECEIPT = Called((0,) * (RECEIPT_BYTES // WORD), 0, ())
"""What stands where `Audits` looks at no receipt."""

NO_SUMMARY = Summed((0,) * (SUMMARY_BYTES // WORD), 0, 0, ())
"""What stands where `Audits` looks at no second summary."""


def build_summed(summary: Summary, place: int, size: int, path: Sequence[bytes]) -> Summed:
    """Return the evidence of a summary. Raises InvalidInput for a path that no tree has."""
    _check_path(path, MOST_SUMMED)
    return Summed(split_words(pack_summary(summary)), place, size, tuple(path))


def build_called(receipt: Receipt | bytes, place: int, path: Sequence[bytes]) -> Called:
    """Return the evidence of a receipt, packed or not. Raises InvalidInput."""
    _check_path(path, MOST_CALLED)
    packed = receipt if isinstance(receipt, bytes) else pack_receipt(receipt)
    return Called(split_words(packed), place, tuple(path))


def split_words(packed: bytes) -> tuple[int, ...]:
    """Return the words of what is packed, 32 bytes each."""
    return tuple(
        int.from_bytes(packed[start : start + WORD], "big") for start in range(0, len(packed), WORD)
    )


def join_words(words: Sequence[int]) -> bytes:
    """Return the bytes of words: the inverse of `split_words`."""
    return b"".join(word.to_bytes(WORD, "big") for word in words)


def _check_path(path: Sequence[bytes], most: int) -> None:
    if len(path) > most or any(len(node) != WORD for node in path):
        raise InvalidInput(f"a path has at most {most} hashes of {WORD} bytes", field="path")
