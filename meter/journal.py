"""The journal: what the meter found and did, a line of JSON each, and all that it remembers.

What a line says has happened; what follows from it is done again after a crash until a line says
that it is done. So nothing is signed, asked or counted twice, and a person can read it all.
"""

import fcntl
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import msgspec

from meter.papers.examine import SignedReceipt
from wasmarket.kernel.audits.evidence import Summed, split_words
from wasmarket.kernel.errors import Conflict, MarketError
from wasmarket.kernel.events.audits import CaseOutcome
from wasmarket.kernel.signing.heads import parse_head
from wasmarket.serving.damage import set_aside


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


@dataclass(frozen=True, slots=True)
class OpenCase:
    """An ask of ours that was not seen to be over."""

    case: int
    assignment: int
    epoch: int
    fee: int
    opened: int
    """Epoch in which it was asked."""


class Journal:
    """The file and what it adds up to. One thread writes, others read."""

    def __init__(self, path: Path, *, is_read_only: bool = False) -> None:
        """Read what earlier runs wrote; half a line at the end is cut off.

        One process at a time writes: raises Conflict if another one does.
        """
        self._path = path
        self._lock = threading.Lock()
        self.books: dict[int, UsageBook] = {}
        self.cases: dict[int, OpenCase] = {}
        self.lost = 0
        """FLT base units that went to peers which answered."""
        self.asked: set[tuple[int, int]] = set()
        """(assignment, epoch) of all asks ever."""
        if is_read_only:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("ab")
        _lock(self._file, path)
        self._recover()

    def book(self, assignment: int) -> UsageBook:
        """Return what is known of an assignment."""
        return self.books.setdefault(assignment, UsageBook())

    def write(self, what: str, **said: Any) -> None:
        """Write a line, safe on the disk, and take what it says."""
        line = msgspec.json.encode({"what": what, **said}) + b"\n"
        with self._lock:
            size = self._file.tell()
            try:
                self._file.write(line)
                self._file.flush()
                os.fdatasync(self._file.fileno())
            except OSError:
                os.ftruncate(self._file.fileno(), size)
                raise
            self._take({"what": what, **said})

    @property
    def spent(self) -> int:
        """Return the FLT base units that are out for asks, or lost by them."""
        return self.lost + sum(case.fee for case in self.cases.values())

    def read(self) -> Iterator[dict[str, Any]]:
        """Yield what was written, oldest first."""
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            for line in file:
                if line.endswith(b"\n"):
                    yield msgspec.json.decode(line)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _recover(self) -> None:
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return
        good = 0
        for line in data.splitlines(keepends=True):
            try:
                if not line.endswith(b"\n"):
                    break
                self._take(msgspec.json.decode(line))
            except (msgspec.DecodeError, MarketError, KeyError, TypeError, ValueError):
                set_aside(self._path, data, "the meter's journal from some line on")
                break
            good += len(line)
        os.truncate(self._path, good)

    def _take(self, said: dict[str, Any]) -> None:
        match said["what"]:
            case "asked":
                made = OpenCase(
                    said["case"], said["assignment"], said["epoch"], said["fee"], said["opened"]
                )
                self.cases[made.case] = made
                self.asked.add((made.assignment, made.epoch))
            case "contradicted" | "refused" | "dropped" | "accused":
                pass
            case "closed":
                case = self.cases.pop(said["case"], None)
                if case is not None and said["outcome"] == CaseOutcome.ANSWERED:
                    self.lost += case.fee
            case _:
                self._take_of_book(self.book(said["assignment"]), said)

    def _take_of_book(self, book: UsageBook, said: dict[str, Any]) -> None:
        match said["what"]:
            case "checked" | "missed" | "lied":
                book.checked = said["epoch"]
                book.work += said.get("work", 0)
                book.previous = _load_summed(said["summed"]) if "summed" in said else None
                if said["what"] == "lied":
                    book.problems[said["epoch"]] = said["problem"]
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


def _lock(file: IO[bytes], path: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.close()
        raise Conflict(f"another meter writes {path}", remedy="end it first") from error


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
