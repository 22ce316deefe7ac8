"""Keep the receipts of a peer as an honest one does, or with a lie in a place of one's choice."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import astuple, replace

from tests.model.evidence import Called, Receipt, Summary, Summed, pack
from wasmarket.kernel.documents.merkle import MerkleTree

Change = Callable[..., object]


class Bookkeeper:
    """The chain of receipts of each assignment of one peer, and the trees of its epochs."""

    def __init__(self, peer: int, epoch_seconds: int) -> None:
        self.peer, self.epoch_seconds = peer, epoch_seconds
        self._next: dict[int, int] = defaultdict(int)
        self._heads: dict[int, int] = defaultdict(int)
        self.receipts: dict[tuple[int, int], list[Receipt]] = defaultdict(list)
        self.summaries: dict[int, list[Summary]] = defaultdict(list)
        self.first: dict[tuple[int, int], int] = {}

    def serve(self, deal: int, assignment: int, epoch: int, /, **lie: int) -> Receipt:
        """Write the receipt of one more call; `lie` replaces fields of it."""
        sequence = self._next[assignment]
        self.first.setdefault((assignment, epoch), sequence)
        receipt = Receipt(
            deal=deal,
            assignment=assignment,
            sequence=sequence,
            app=2,
            function=3,
            input=100 + sequence,
            output=200 + sequence,
            status=0,
            fuel=50,
            bytes=7,
            duration=9,
            time=epoch * self.epoch_seconds + 5,
            previous=self._heads[assignment],
        )
        receipt = replace(receipt, **lie)
        self.receipts[assignment, epoch].append(receipt)
        self._next[assignment] = sequence + 1
        self._heads[assignment] = int.from_bytes(Called(astuple(receipt)).hash, "big")
        return receipt

    def close(self, deal: int, assignment: int, epoch: int, /, **lie: int) -> Summary:
        """Sum an assignment's epoch up; `lie` replaces fields of the summary."""
        receipts = self.receipts[assignment, epoch]
        tree = MerkleTree(pack(*astuple(receipt)) for receipt in receipts)
        summary = Summary(
            peer=self.peer,
            epoch=epoch,
            assignment=assignment,
            deal=deal,
            first=self.first.get((assignment, epoch), self._next[assignment]),
            count=len(receipts),
            fuel=sum(receipt.fuel for receipt in receipts),
            work=sum(receipt.work for receipt in receipts),
            root=int.from_bytes(tree.root, "big") if receipts else 0,
            head=self._heads[assignment],
        )
        summary = replace(summary, **lie)
        self.summaries[epoch].append(summary)
        return summary

    def tree(self, epoch: int) -> MerkleTree:
        """Build the tree whose root the peer commits."""
        return MerkleTree(pack(*astuple(summary)) for summary in self.summaries[epoch])

    def root(self, epoch: int) -> bytes:
        """Name the root of an epoch."""
        return self.tree(epoch).root

    def summed(self, epoch: int, place: int = 0) -> Summed:
        """Show the summary at a place."""
        tree = self.tree(epoch)
        fields = astuple(self.summaries[epoch][place])
        return Summed(fields, place, len(tree), tuple(tree.prove(place)))

    def called(self, assignment: int, epoch: int, place: int) -> Called:
        """Show the receipt at a place of an assignment's epoch."""
        receipts = self.receipts[assignment, epoch]
        tree = MerkleTree(pack(*astuple(receipt)) for receipt in receipts)
        return Called(astuple(receipts[place]), place, tuple(tree.prove(place)))
