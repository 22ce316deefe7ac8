"""The journal: what the meter found and did, a line of JSON each, and all that it remembers.

What a line says has happened; what follows from it is done again after a crash until a line says
that it is done. So nothing is signed, asked or counted twice, and a person can read it all.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from meter.papers.examine import SignedReceipt
from wasmarket.kernel.audits.evidence import Summed, split_words
from wasmarket.kernel.events.audits import CaseKind, CaseOutcome
from wasmarket.kernel.signing.heads import parse_head
from wasmarket.serving.durable.journal_file import JournalFile, read_journal

FIRST, COUNT = 4, 5
"""Which words of a summary these are (CONTRACTS 17)."""


@dataclass(slots=True)
class UsageBook:
    """What is known of one assignment."""

    checked: int = -1
    """The newest epoch that is done with."""
    work: int = 0
    """All work that was found to be true."""
    signed: int = 0
    delivered: int = 0
    previous: Summed | None = None
    """The newest proven summary."""
    problems: dict[int, str] = field(default_factory=dict)
    """By epoch what was wrong."""
    heads: list[SignedReceipt] = field(default_factory=list)
    """Receipts that the peer's wallet signed."""
    seen: dict[int, bytes] = field(default_factory=dict)
    """Hashes of receipts that callers were given, by sequence."""
    is_given_up: bool = False
    """Whether nothing more is signed for."""
    again: set[int] = field(default_factory=set)
    """Epochs with a lie whose consequences the chain has lost."""
    before: dict[int, Summed | None] = field(default_factory=dict)
    """By epoch with a lie the newest summary that was proven before it."""

    def forget_seen(self) -> None:
        """Let go of calls whose receipts are committed as they were seen; of liars none."""
        if self.previous is not None and not self.is_given_up:
            upcoming = self.previous.fields[FIRST] + self.previous.fields[COUNT]
            self.seen = {number: kept for number, kept in self.seen.items() if number >= upcoming}


@dataclass(frozen=True, slots=True)
class OpenCase:
    """An ask or accusation of ours that was not seen to be over; `fee` FLT base units are out.

    `block` brought it, as far as that is known.
    """

    kind: CaseKind
    fee: int
    assignment: int
    epoch: int
    block: int

    def lost(self, outcome: CaseOutcome) -> int:
        """Return what does not come back.

        A void trial may have paid its jurors, which its end does not say: it counts as lost.
        """
        if self.kind is CaseKind.ASK:
            return self.fee if outcome is CaseOutcome.ANSWERED else 0
        return 0 if outcome is CaseOutcome.CONVICTED else self.fee


@dataclass(frozen=True, slots=True)
class _Kept:
    """What is known of an assignment while its number is another deal's."""

    book: UsageBook
    asked: set[int]
    conviction: tuple[int, int] | None
    drop: int | None


class Journal:
    """The file and what it adds up to. Any thread writes, one line after the other."""

    def __init__(self, path: Path, *, is_read_only: bool = False) -> None:
        """Read what earlier runs wrote; half a line at the end is cut off.

        One process at a time writes: raises Conflict if another one does.
        """
        self._path = path
        self.books: dict[int, UsageBook] = {}
        self.cases: dict[int, OpenCase] = {}
        self.known: set[int] = set()
        """Cases of ours, open or over."""
        self.lost = 0
        """FLT base units that went to peers which answered, and into trials without conviction."""
        self.asked: set[tuple[int, int]] = set()
        """(assignment, epoch) of all asks ever."""
        self.convictions: dict[int, tuple[int, int]] = {}
        """By assignment the epoch and the block of a contradiction of ours."""
        self.drops: dict[int, int] = {}
        """By assignment the block in which it was dropped."""
        self._owners: dict[int, str] = {}
        """By assignment its deal and the offer that came of: what no other deal has."""
        self._away: dict[tuple[int, str], _Kept] = {}
        """What is known of assignments whose numbers a reorganisation gave to another deal."""
        self._file = None if is_read_only else JournalFile(path, "meter", self._take)

    def book(self, assignment: int) -> UsageBook:
        """Return what is known of an assignment."""
        return self.books.setdefault(assignment, UsageBook())

    def know(self, assignment: int, deal: int, offer: str) -> None:
        """Keep the book of an assignment for this deal alone: forks give numbers to others.

        What is known of another deal's is put away, and comes back when its number does.
        """
        if self._owners.get(assignment) != f"{deal}:{offer}":
            self.write("assigned", assignment=assignment, deal=deal, offer=offer)

    def write(self, what: str, **said: Any) -> None:
        """Write a line, safe on the disk, and take what it says."""
        assert self._file is not None, "a journal that is only read"
        self._file.write({"what": what, **said})

    @property
    def spent(self) -> int:
        """Return the FLT base units that are out for asks and accusations, or lost by them."""
        return self.lost + sum(case.fee for case in self.cases.values())

    def read(self) -> Iterator[dict[str, Any]]:
        """Yield what was written, oldest first."""
        return read_journal(self._path)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def _take(self, said: dict[str, Any]) -> None:
        match said["what"]:
            case "asked":
                self._open(_read_case(CaseKind.ASK, said), said["case"])
                self.asked.add((said["assignment"], said["epoch"]))
            case "accused":
                self._open(_read_case(CaseKind.ACCUSATION, said), said["case"])
            case "contradicted" if "block" in said:
                self.convictions[said["assignment"]] = (said["epoch"], said["block"])
            case "dropped" if "block" in said:
                self.drops[said["assignment"]] = said["block"]
            case "contradicted" | "refused" | "dropped":
                pass
            case "assigned":
                self._assign(said["assignment"], f"{said['deal']}:{said['offer']}")
            case "undone":
                self._undo(said)
            case "closed":
                case = self.cases.pop(said["case"], None)
                if case is not None:
                    self.lost += case.lost(CaseOutcome(said["outcome"]))
            case _:
                self._take_of_book(self.book(said["assignment"]), said)

    def _open(self, opened: OpenCase, case: int) -> None:
        self.cases[case] = opened
        self.known.add(case)

    def _assign(self, assignment: int, owner: str) -> None:
        before = self._owners.get(assignment)
        self._owners[assignment] = owner
        # Lines of older versions named no owner.
        if before is None or before == owner:
            return
        epochs = {epoch for number, epoch in self.asked if number == assignment}
        self.asked -= {(assignment, epoch) for epoch in epochs}
        self._away[assignment, before] = _Kept(
            self.books.pop(assignment, UsageBook()),
            epochs,
            self.convictions.pop(assignment, None),
            self.drops.pop(assignment, None),
        )
        kept = self._away.pop((assignment, owner), None)
        if kept is None:
            return
        self.books[assignment] = kept.book
        self.asked |= {(assignment, epoch) for epoch in kept.asked}
        if kept.conviction is not None:
            self.convictions[assignment] = kept.conviction
        if kept.drop is not None:
            self.drops[assignment] = kept.drop

    def _undo(self, said: dict[str, Any]) -> None:
        """Forget what a reorganisation has taken back: the epoch is looked at again."""
        assignment, epoch = said["assignment"], said["epoch"]
        self.cases.pop(said["case"], None)
        self.known.discard(said["case"])
        self.asked.discard((assignment, epoch))
        self.convictions.pop(assignment, None)
        away = [kept for (number, _), kept in self._away.items() if number == assignment]
        for kept in away:
            kept.asked.discard(epoch)
        for book in (self.book(assignment), *(kept.book for kept in away)):
            # A case about a number that went to another deal is about a lie of the first alone.
            if epoch in book.problems:
                book.again.add(epoch)

    def _take_of_book(self, book: UsageBook, said: dict[str, Any]) -> None:
        match said["what"]:
            case "checked" | "missed" | "lied":
                epoch = said["epoch"]
                if said["what"] == "lied":
                    book.problems[epoch] = said["problem"]
                    book.again.discard(epoch)
                    book.before.setdefault(epoch, book.previous)
                if epoch > book.checked:
                    book.checked = epoch
                    book.work += said.get("work", 0)
                    if said["what"] != "missed":
                        # What was before an epoch without a root is still to be followed.
                        book.previous = _load_summed(said["summed"]) if "summed" in said else None
                    if said["what"] == "checked":
                        book.forget_seen()
            case "signed":
                book.signed = said["work"]
            case "delivered":
                book.delivered = said["work"]
            case "gave up":
                book.is_given_up = True
            case "seen":
                book.seen[said["sequence"]] = bytes.fromhex(said["receipt"])
            case "head":
                receipt = bytes.fromhex(said["receipt"])
                book.heads.append(SignedReceipt(receipt, parse_head(said["head"])))


def _read_case(kind: CaseKind, said: dict[str, Any]) -> OpenCase:
    """Read a line of an older version too, which did not name the block."""
    return OpenCase(kind, said["fee"], said["assignment"], said["epoch"], said.get("block", 0))


def dump_summed(summed: Summed) -> dict[str, Any]:
    """Write a proven summary into a line."""
    return {
        "packed": summed.packed.hex(),
        "place": summed.place,
        "size": summed.size,
        "path": [node.hex() for node in summed.path],
    }


def _load_summed(said: dict[str, Any]) -> Summed:
    fields = split_words(bytes.fromhex(said["packed"]))
    path = tuple(bytes.fromhex(node) for node in said["path"])
    return Summed(fields, said["place"], said["size"], path)
