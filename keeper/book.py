"""What a keeper did and said, a line of JSON each: nothing is paid twice or told twice."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from wasmarket.serving.durable.journal_file import JournalFile, Line, read_journal


def month_of(timestamp: int) -> str:
    """Return the calendar month of a chain time in UTC, such as `2026-11`."""
    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m")


def day_of(timestamp: int) -> str:
    """Return the day of a chain time in UTC, such as `2026-11-30`."""
    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d")


class KeeperBook:
    """The journal and what it adds up to. Raises as `JournalFile`."""

    def __init__(self, path: Path) -> None:
        self._spent: dict[tuple[str, str], int] = {}
        self._begun: dict[int, Line] = {}
        self._told: dict[str, Any] = {}
        self._unsent: dict[str, tuple[Line, set[str]]] = {}
        self._seen: dict[str, int] = {}
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

    def begin(
        self, deal: int, rule: str, month: str, amount: int, source: str, key: str = ""
    ) -> None:
        """Write that money is about to be moved into a deal; `key` names a charge of a card."""
        line = {"what": "begun", "deal": deal, "rule": rule, "month": month}
        self._file.write(line | {"amount": amount, "source": source, "key": key})

    def end(self, deal: int, *, moved: bool, why: str = "", amount: int | None = None) -> None:
        """Write what came of it; `amount` moved where it is not what was begun."""
        line = {"what": "ended", "deal": deal, "moved": moved, "why": why}
        self._file.write(line if amount is None else line | {"amount": amount})

    def begun(self, deal: int) -> Line:
        """Return what was begun for a deal and not seen to end."""
        return self._begun[deal]

    def unfinished(self) -> list[int]:
        """Return the deals whose money was on its way when the keeper was last heard of."""
        return sorted(self._begun)

    def was_told(self, about: str, value: Any) -> bool:
        """Say whether a notice about something was sent with this value last."""
        return bool(self._told.get(about) == value)

    def tell(
        self,
        about: str,
        value: Any,
        notice: Line | None = None,
        name: str = "",
        channels: Sequence[str] = (),
    ) -> None:
        """Write that it was said; None: it holds no more, and is said again when it does.

        `notice` under its `name` is still to be sent by `channels`.
        """
        if self._told.get(about) == value:
            return
        line: Line = {"what": "told", "about": about, "value": value}
        if notice is not None:
            line |= {"id": name, "notice": notice, "channels": list(channels)}
        self._file.write(line)

    def note_sent(self, name: str, channel: str, *, dropped: bool = False) -> None:
        """Write that a channel took a notice; `dropped`: it did not, and too many wait."""
        self._file.write({"what": "sent", "id": name, "channel": channel, "dropped": dropped})

    def find_unsent(self, channel: str) -> list[tuple[str, Line]]:
        """Return names and notices that a channel has still to send, oldest first."""
        return [(name, line) for name, (line, left) in self._unsent.items() if channel in left]

    def seen(self, key: str) -> int | None:
        """Return the block up to which an account's events were looked at; None: never."""
        return self._seen.get(key)

    def see(self, key: str, block: int) -> None:
        """Write up to which block an account's events were looked at."""
        if self._seen.get(key) != block:
            self._file.write({"what": "seen", "key": key, "block": block})

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
                    moved = line if "amount" in line else begun
                    self._spent[key] = self._spent.get(key, 0) + moved["amount"]
            case "told":
                if line["value"] is None:
                    self._told.pop(line["about"], None)
                else:
                    self._told[line["about"]] = line["value"]
                if line.get("notice") is not None and line["channels"]:
                    self._unsent[line["id"]] = (line, set(line["channels"]))
            case "sent":
                _, left = self._unsent.get(line["id"], ({}, set()))
                left.discard(line["channel"])
                if not left:
                    self._unsent.pop(line["id"], None)
            case "seen":
                self._seen[line["key"]] = line["block"]


def read_book(path: Path) -> Iterator[Line]:
    """Yield all lines, oldest first."""
    return read_journal(path)
