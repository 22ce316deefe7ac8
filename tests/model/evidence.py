"""Say what papers prove: summaries under committed roots, receipts under summaries."""

from dataclasses import dataclass
from hashlib import sha256

from tests.model.terms import BARE, Refused, need
from wasmarket.kernel.documents.merkle import root_of_proof

CALL_WORK, BYTE_WORK = 1_000_000, 16
REFUSED = 5  # status of a call that was refused

RECEIPT, LINK, HEAD, TWO_SUMMARIES, OVERLAP, LINK_OF_EPOCHS, CHANGED, LEFT_OUT = range(1, 9)
WITH_RECEIPT = (RECEIPT, LINK, HEAD, CHANGED)
WITH_OTHER = (TWO_SUMMARIES, OVERLAP, LINK_OF_EPOCHS)
WITH_HEAD = (CHANGED, LEFT_OUT)


@dataclass(frozen=True)
class Summary:
    """The fields of a summary, in their order."""

    peer: int
    epoch: int
    assignment: int
    deal: int
    first: int
    count: int
    fuel: int
    work: int
    root: int
    head: int

    def holds(self, sequence: int) -> bool:
        """Tell whether it says that it has the receipt of a sequence."""
        return self.first <= sequence < self.first + self.count


@dataclass(frozen=True)
class Receipt:
    """The fields of a receipt, in their order."""

    deal: int
    assignment: int
    sequence: int
    app: int
    function: int
    input: int
    output: int
    status: int
    fuel: int
    bytes: int
    duration: int
    time: int
    previous: int

    @property
    def work(self) -> int:
        """What the call counts for."""
        if self.status == REFUSED:
            return 0
        return CALL_WORK + self.fuel + BYTE_WORK * self.bytes

    @property
    def value(self) -> bytes:
        """What running it again must give."""
        return sha256(pack(self.output, self.status, self.fuel, self.bytes)).digest()


@dataclass(frozen=True)
class Summed:
    """A summary at a place of its epoch's tree, with the siblings up to the root."""

    fields: tuple[int, ...]
    place: int = 0
    size: int = 0
    path: tuple[bytes, ...] = ()

    @property
    def summary(self) -> Summary:
        """Read the fields."""
        return Summary(*self.fields)

    def check(self, peer: int, epoch: int, assignment: int, root: bytes) -> Summary:
        """Refuse the call unless the root has this summary of that peer, epoch, assignment."""
        summary = self.summary
        told = summary.peer, summary.epoch, summary.assignment
        need(told == (peer, epoch, assignment), "audits: wrong summary")
        found = climb(pack(*self.fields), self.place, self.size, self.path)
        need(found == root, "audits: wrong summary")
        return summary


@dataclass(frozen=True)
class Called:
    """A receipt at a place among those of its summary, with the siblings up to their root."""

    fields: tuple[int, ...]
    place: int = 0
    path: tuple[bytes, ...] = ()

    @property
    def receipt(self) -> Receipt:
        """Read the fields."""
        return Receipt(*self.fields)

    @property
    def hash(self) -> bytes:
        """The hash that the next receipt names, and a wallet signs."""
        return sha256(pack(*self.fields)).digest()

    def check(self, summary: Summary) -> Receipt:
        """Refuse the call unless the summary has this receipt."""
        found = climb(pack(*self.fields), self.place, summary.count, self.path)
        need(found == pack(summary.root), "audits: wrong receipt")
        return self.receipt


NO_SUMMARY = Summed((0,) * 10)
NO_RECEIPT = Called((0,) * 13)


def pack(*words: int) -> bytes:
    """Lay words out, 32 bytes each."""
    return b"".join(word.to_bytes(32, "big") for word in words)


def climb(entry: bytes, place: int, size: int, path: tuple[bytes, ...]) -> bytes:
    """Find the root that a path leads to; a misshapen one reverts without a reason."""
    found = root_of_proof(entry, place, size, path) if size <= 2**32 else None
    if found is None:
        raise Refused(BARE)
    return found


def contradicts(
    kind: int,
    summed: Summed,
    called: Called,
    other: Summed,
    other_called: Called,
    epoch_seconds: int,
) -> bool:
    """Tell whether papers that are all proven cannot all be true."""
    s, r, later, second = summed.summary, called.receipt, other.summary, other_called.receipt
    hash_ = int.from_bytes(called.hash, "big")
    if kind == RECEIPT:
        return (
            (r.deal, r.assignment) != (s.deal, s.assignment)
            or r.sequence != s.first + called.place
            or r.status > REFUSED
            or r.fuel > s.fuel
            or r.work > s.work
            or r.time // epoch_seconds != s.epoch
        )
    if kind == LINK:
        return other_called.place == called.place + 1 and second.previous != hash_
    if kind == HEAD:
        return called.place + 1 == s.count and s.head != hash_
    if kind == TWO_SUMMARIES:
        return later.epoch == s.epoch and later != s
    if kind == OVERLAP:
        return later.epoch > s.epoch and later.first < s.first + s.count
    if kind == LINK_OF_EPOCHS:
        follows = later.epoch > s.epoch and later.first == s.first + s.count
        return follows and other_called.place == 0 and second.previous != s.head
    if kind == CHANGED:
        return r.sequence == second.sequence and other_called.hash != called.hash
    if kind == LEFT_OUT:
        epoch = second.time // epoch_seconds
        if epoch == s.epoch:
            return not s.holds(second.sequence)
        return epoch < s.epoch and second.sequence >= s.first + s.count
    return False
