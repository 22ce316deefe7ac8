"""Examine what a peer shows for one assignment and epoch against the root that it committed. Pure.

Everything that a peer says is either led to by its root, and then it is held to it, or it is worth
nothing, and then it can be asked on chain.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from hashlib import sha256

from wasmarket.kernel.audits.evidence import (
    NO_RECEIPT,
    NO_SUMMARY,
    WORD,
    Called,
    Summed,
    build_called,
    split_words,
)
from wasmarket.kernel.documents.epoch_tally import GrowingRoot
from wasmarket.kernel.documents.merkle import MerkleTree
from wasmarket.kernel.documents.receipts import (
    WORK_BYTE,
    WORK_CALL,
    ZERO,
    CallStatus,
    Summary,
)
from wasmarket.kernel.errors import InvalidInput
from wasmarket.kernel.signing.heads import SignedHead

_NAMED = 2 * WORD
_SEQUENCE, _STATUS, _FUEL, _SIZE, _TIME, _PREVIOUS = (
    slice(at * WORD, (at + 1) * WORD) for at in (2, 7, 8, 9, 11, 12)
)
"""Where these words are in a packed receipt."""
REFUSED = int(CallStatus.REFUSED)
MOST_CHOSEN = 2**32
"""More receipts than that no root holds (CONTRACTS 8)."""


class ContradictionKind(IntEnum):
    """Which of its own words contradict one another (CONTRACTS 9)."""

    RECEIPT = 1
    LINK = 2
    HEAD = 3
    TWO_SUMMARIES = 4
    OVERLAP = 5
    EPOCH_LINK = 6
    SIGNED_OTHER = 7
    LEFT_OUT = 8


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Evidence as `Audits.contradict` takes it; `head` where the wallet signed something."""

    kind: ContradictionKind
    summed: Summed
    called: Called = NO_RECEIPT
    other: Summed = NO_SUMMARY
    other_called: Called = NO_RECEIPT
    head: SignedHead | None = None


@dataclass(frozen=True, slots=True)
class SignedReceipt:
    """A receipt that the wallet signed when it was made; the chain takes both."""

    receipt: bytes
    head: SignedHead


@dataclass(frozen=True, slots=True)
class Claim:
    """What is known before: whose papers, the committed root, and where the chain of receipts
    stood. `previous` is the proven summary before this one, None where there is none."""

    peer: int
    deal: int
    assignment: int
    epoch: int
    epoch_seconds: int
    root: bytes
    previous: Summed | None = None
    signed: tuple[SignedReceipt, ...] = ()
    """Of this epoch and those before it."""
    seen: Mapping[int, bytes] = field(default_factory=dict)
    """Hashes of receipts that callers were given, by sequence."""


@dataclass(frozen=True, slots=True)
class Papers:
    """What a peer showed: its summaries of the assignment with their paths, packed receipts."""

    summaries: tuple[Summed, ...]
    receipts: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of it: the work of receipts that are true, or what is wrong.

    `problem` says it to a person; with a `contradiction` the chain convicts at once; with
    `must_ask` the peer is to be asked for the receipt `sequence`, which it cannot prove.
    """

    receipts: int = 0
    work: int = 0
    summed: Summed | None = None
    problem: str = ""
    contradiction: Contradiction | None = None
    must_ask: bool = False
    sequence: int = 0
    accused: Called | None = None
    """A receipt whose value running the call again does not give."""


def examine(
    claim: Claim, papers: Papers, choose: Callable[[int], int] = random.randrange
) -> Finding:
    """Return what papers are worth.

    `choose` picks a number below the one given: which receipt is asked for is no peer's to foresee.
    """
    proven = [summed for summed in papers.summaries if _is_proven(claim, summed)]
    if not proven:
        return Finding(
            problem="no summary leads to the committed root",
            must_ask=True,
            sequence=_next_sequence(claim),
        )
    summed = proven[0]
    for other in proven[1:]:
        if other.fields != summed.fields:
            found = Contradiction(ContradictionKind.TWO_SUMMARIES, summed, other=other)
            return Finding(problem="two summaries of one epoch", contradiction=found)
    summary = summed.summary
    if claim.previous is not None and summary.first_sequence < _next_sequence(claim):
        found = Contradiction(ContradictionKind.OVERLAP, claim.previous, other=summed)
        return Finding(problem="sequences go back behind the epoch before", contradiction=found)
    return _examine_receipts(claim, summed, papers.receipts, choose)


def _examine_receipts(
    claim: Claim, summed: Summed, receipts: Sequence[bytes], choose: Callable[[int], int]
) -> Finding:
    summary = summed.summary
    sums = _sum_up(claim, summary, receipts)
    if (sums.count, sums.root) != (summary.count, summary.receipts_root):
        return Finding(
            problem="the receipts are not those of the summary",
            must_ask=True,
            sequence=summary.first_sequence + _choose_place(summary, sums.count, choose),
        )
    contradiction = sums.describe(summed, receipts) or _contradict_others(claim, summed, receipts)
    if contradiction is not None:
        return Finding(problem=PROBLEMS[contradiction.kind], contradiction=contradiction)
    for number, digest in claim.seen.items():
        place = number - summary.first_sequence
        if 0 <= place < sums.count and sha256(receipts[place]).digest() != digest:
            return Finding(problem=f"receipt {number} is not the one that its caller was given")
    if (sums.fuel, sums.work) != (summary.fuel, summary.work):
        # More than its receipts: nobody pays for it, and no contradiction shows it.
        return Finding(problem=f"the summary says {summary.work} work, its receipts {sums.work}")
    return Finding(receipts=sums.count, work=sums.work, summed=summed)


def _choose_place(summary: Summary, shown: int, choose: Callable[[int], int]) -> int:
    """Return the place of a receipt that a peer may be unable to prove: the first that it keeps
    back, else any, since it is not known which of those that it shows are not under the root.
    """
    return shown if shown < summary.count else choose(max(1, min(summary.count, MOST_CHOSEN)))


PROBLEMS = {
    ContradictionKind.RECEIPT: "a receipt does not belong where it is",
    ContradictionKind.LINK: "the chain of receipts is broken",
    ContradictionKind.HEAD: "the chain's head is not the last receipt",
    ContradictionKind.EPOCH_LINK: "the chain is broken between two epochs",
    ContradictionKind.SIGNED_OTHER: "a receipt is not the one that was signed",
    ContradictionKind.LEFT_OUT: "a receipt that was signed is left out",
}


@dataclass(slots=True)
class _Sums:
    """What receipts add up to, and the first that is wrong."""

    count: int = 0
    root: bytes = ZERO
    fuel: int = 0
    work: int = 0
    wrong: tuple[ContradictionKind, int] | None = None

    def describe(self, summed: Summed, receipts: Sequence[bytes]) -> Contradiction | None:
        """Return the evidence against the first that is wrong."""
        if self.wrong is None:
            return None
        kind, place = self.wrong
        later = prove_receipt(receipts, place + 1) if kind is ContradictionKind.LINK else NO_RECEIPT
        return Contradiction(kind, summed, prove_receipt(receipts, place), other_called=later)


def prove_receipt(receipts: Sequence[bytes], place: int) -> Called:
    """Return the evidence of one receipt of an epoch."""
    return build_called(receipts[place], place, MerkleTree(receipts).prove(place))


def _sum_up(claim: Claim, summary: Summary, receipts: Sequence[bytes]) -> _Sums:
    """Add receipts up and look at each; words are read as the chain reads them, of any size."""
    named = claim.deal.to_bytes(WORD, "big") + claim.assignment.to_bytes(WORD, "big")
    sums, tree = _Sums(len(receipts)), GrowingRoot()
    number, most_fuel, most_work = summary.first_sequence, summary.fuel, summary.work
    previous, wrong = b"", None
    read, seconds, epoch = int.from_bytes, claim.epoch_seconds, claim.epoch
    for place, packed in enumerate(receipts):
        status, fuel = read(packed[_STATUS], "big"), read(packed[_FUEL], "big")
        # `call_work`, which takes a status that there is.
        size = read(packed[_SIZE], "big")
        work = 0 if status == REFUSED else WORK_CALL + fuel + WORK_BYTE * size
        if wrong is None and (
            packed[:_NAMED] != named
            or read(packed[_SEQUENCE], "big") != number + place
            or status > REFUSED
            or fuel > most_fuel
            or work > most_work
            or read(packed[_TIME], "big") // seconds != epoch
        ):
            wrong = (ContradictionKind.RECEIPT, place)
        if wrong is None and place and packed[_PREVIOUS] != previous:
            wrong = (ContradictionKind.LINK, place - 1)
        previous = sha256(packed).digest()
        sums.fuel += fuel
        sums.work += work
    tree.extend(receipts)
    sums.root = tree.root
    if wrong is None and receipts and previous != summary.chain_head:
        wrong = (ContradictionKind.HEAD, len(receipts) - 1)
    sums.wrong = wrong
    return sums


def _contradict_others(
    claim: Claim, summed: Summed, receipts: Sequence[bytes]
) -> Contradiction | None:
    """Compare with the epoch before, and with what the wallet signed."""
    summary, before = summed.summary, claim.previous
    if (
        before is not None
        and receipts
        and summary.first_sequence == _next_sequence(claim)
        and receipts[0][_PREVIOUS] != before.summary.chain_head
    ):
        first = prove_receipt(receipts, 0)
        kind = ContradictionKind.EPOCH_LINK
        return Contradiction(kind, before, other=summed, other_called=first)
    for signed in claim.signed:
        found = _contradict_signed(claim, summed, receipts, signed)
        if found is not None:
            return found
    return None


def _contradict_signed(
    claim: Claim, summed: Summed, receipts: Sequence[bytes], signed: SignedReceipt
) -> Contradiction | None:
    summary = summed.summary
    number = int.from_bytes(signed.receipt[_SEQUENCE], "big")
    epoch = int.from_bytes(signed.receipt[_TIME], "big") // claim.epoch_seconds
    paper = Called(split_words(signed.receipt), 0, ())
    place = number - summary.first_sequence
    if 0 <= place < summary.count:
        if receipts[place] == signed.receipt:
            return None
        kind, called = ContradictionKind.SIGNED_OTHER, prove_receipt(receipts, place)
        return Contradiction(kind, summed, called, other_called=paper, head=signed.head)
    if epoch == claim.epoch or (epoch < claim.epoch and place >= summary.count):
        kind = ContradictionKind.LEFT_OUT
        return Contradiction(kind, summed, other_called=paper, head=signed.head)
    return None


def _is_proven(claim: Claim, summed: Summed) -> bool:
    try:
        summary = summed.summary
    except InvalidInput:
        return False
    named = (summary.peer, summary.epoch, summary.assignment, summary.deal)
    return named == (
        claim.peer,
        claim.epoch,
        claim.assignment,
        claim.deal,
    ) and summed.leads_to(claim.root)


def _next_sequence(claim: Claim) -> int:
    if claim.previous is None:
        return 0
    before = claim.previous.summary
    return before.first_sequence + before.count
