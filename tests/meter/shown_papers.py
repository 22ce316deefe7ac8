"""Receipts, summaries and roots as a peer makes them, for tests that then spoil them."""

from dataclasses import dataclass, field, replace

from wasmarket.kernel.documents.merkle import MerkleTree
from wasmarket.kernel.documents.receipts import (
    ZERO,
    CallStatus,
    Receipt,
    Summary,
    call_work,
    pack_receipt,
    pack_summary,
    receipt_hash,
    receipts_root,
)


@dataclass
class Chain:
    """The receipts of one assignment; each `run` is an epoch."""

    peer: int
    deal: int
    assignment: int
    seconds: int = 60
    sequence: int = 0
    head: bytes = ZERO

    def run(self, epoch: int, calls: int = 3, /, **changed: object) -> list[Receipt]:
        """Return the receipts of an epoch and go on from them."""
        made = []
        for number in range(calls):
            receipt = Receipt(
                deal=self.deal,
                assignment=self.assignment,
                sequence=self.sequence,
                app=b"a" * 32,
                function=b"f" * 32,
                input=bytes([number]) * 32,
                output=b"o" * 32,
                status=CallStatus.ANSWERED,
                fuel=1_000 + number,
                size=10,
                duration_us=5,
                time=epoch * self.seconds + number,
                previous=self.head,
            )
            if number == 1:
                receipt = replace(receipt, **changed)
            made.append(receipt)
            self.sequence += 1
            self.head = receipt_hash(pack_receipt(receipt))
        return made

    def sum_up(self, epoch: int, receipts: list[Receipt], /, **changed: object) -> Summary:
        """Return the summary of receipts of an epoch."""
        packed = [pack_receipt(receipt) for receipt in receipts]
        summary = Summary(
            peer=self.peer,
            epoch=epoch,
            assignment=self.assignment,
            deal=self.deal,
            first_sequence=receipts[0].sequence if receipts else self.sequence,
            count=len(receipts),
            fuel=sum(r.fuel for r in receipts),
            work=sum(call_work(r.status, r.fuel, r.size) for r in receipts),
            receipts_root=receipts_root(packed),
            chain_head=receipt_hash(packed[-1]) if packed else self.head,
        )
        return replace(summary, **changed)


@dataclass
class ShownEpoch:
    """What a peer shows for an epoch: summaries in a tree, and receipts; `root` is committed."""

    summaries: list[Summary]
    receipts: list[Receipt]
    root: bytes = b""
    tree: MerkleTree = field(init=False)

    def __post_init__(self) -> None:
        self.tree = MerkleTree(pack_summary(summary) for summary in self.summaries)
        self.root = self.root or self.tree.root
