"""What a keeper did and said, a line of JSON each: nothing is paid twice or told twice."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from wasmarket.serving.durable.journal_file import JournalFile, Line, read_journal


def month_of(timestamp: int) -> str:
    """Return the calendar month of a chain time in UTC, such as `2026-11`."""
    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m")


class KeeperBook:
    """The journal and what it adds up to. Raises as `JournalFile`."""

    def __init__(self, path: Path) -> None:
        self._spent: dict[tuple[str, str], int] = {}
        self._begun: dict[int, Line] = {}
        self._told: dict[str, Any] = {}
        self._file = JournalFile(path, "keeper", self._take)

    def spent(self, rule: str, month: str) -> int:
        """Return the USDC base units that a rule moved in a month.

        What was begun and not seen to end counts as moved.
        """
        begun = sum(
            int(line["amount"])
            for line in self._begun.values()
            if (line["rule"], line["month"]) == (rule, month)
        )
        return self._spent.get((rule, month), 0) + begun

    def begin(self, deal: int, rule: str, month: str, amount: int, source: str) -> None:
        """Write that money is about to be moved into a deal."""
        line = {"what": "begun", "deal": deal, "rule": rule, "month": month}
        self._file.write(line | {"amount": amount, "source": source})

    def end(self, deal: int, *, moved: bool, why: str = "") -> None:
        """Write what came of it."""
        self._file.write({"what": "ended", "deal": deal, "moved": moved, "why": why})

    def unfinished(self) -> list[int]:
        """Return the deals whose money was on its way when the keeper was last heard of."""
        return sorted(self._begun)

    def was_told(self, about: str, value: Any) -> bool:
        """Say whether a notice about something was sent with this value last."""
        return bool(self._told.get(about) == value)

    def tell(self, about: str, value: Any) -> None:
        """Write that it was said; None: it holds no more, and is said again when it does."""
        if self._told.get(about) != value:
            self._file.write({"what": "told", "about": about, "value": value})

    def note(self, what: str, **said: Any) -> None:
        """Write what else was done, for people."""
        self._file.write({"what": what, **said})

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _take(self, line: Line) -> None:
        match line["what"]:
            case "begun":
                self._begun[line["deal"]] = line
            case "ended":
                begun = self._begun.pop(line["deal"], None)
                if begun is not None and line["moved"]:
                    key = begun["rule"], begun["month"]
                    self._spent[key] = self._spent.get(key, 0) + begun["amount"]
            case "told":
                if line["value"] is None:
                    self._told.pop(line["about"], None)
                else:
                    self._told[line["about"]] = line["value"]


def read_book(path: Path) -> Iterator[Line]:
    """Yield all lines, oldest first."""
    return read_journal(path)
