"""Write statements of months that are over, once each, as files."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from keeper.book import KeeperBook
from keeper.notices import Announcement, Notices, Urgency
from keeper.policy import StatementRule
from wasmarket.client.statements.statement import Month, Statement, write_csv

GRACE_SECONDS = 3_600
"""How long after its end a month is read: until then its last blocks may be undone."""


class StatementSource(Protocol):
    """One account. Raises errors of `kernel.errors`."""

    def read_statement(self, side: str, month: Month) -> Statement:
        """Return a month of it."""


WritePdf = Callable[[Statement], bytes]


class MonthlyStatements:
    """All rules of statements."""

    def __init__(
        self,
        rules: Sequence[StatementRule],
        sources: Mapping[str, StatementSource],
        book: KeeperBook,
        notices: Notices,
        write_pdf: WritePdf,
        *,
        base: Path,
    ) -> None:
        """`sources` by the rules' keys; folders are relative to `base`."""
        self._rules = rules
        self._sources = sources
        self._book = book
        self._notices = notices
        self._write_pdf = write_pdf
        self._base = base

    def step(self, timestamp: int) -> None:
        """Write what is due at a chain time. Raises OSError, and what reading does."""
        month = Month.before(timestamp - GRACE_SECONDS)
        for rule in self._rules:
            about = f"statement:{rule.side}:{rule.key}"
            if not self._book.was_told(about, month.name):
                self._write(rule, month, about)

    def _write(self, rule: StatementRule, month: Month, about: str) -> None:
        statement = self._sources[rule.key].read_statement(rule.side, month)
        folder = self._base / Path(rule.folder).expanduser()
        folder.mkdir(parents=True, exist_ok=True)
        stem = f"{rule.side}-{statement.account}-{month.name}"
        files = []
        for form in rule.formats:
            path = folder / f"{stem}.{form}"
            content = self._write_pdf(statement) if form == "pdf" else write_csv(statement).encode()
            partial = path.with_name(f".{path.name}.part")
            partial.write_bytes(content)
            # Nobody finds half a statement.
            partial.replace(path)
            files.append(str(path))
        self._book.note("statement", key=rule.key, side=rule.side, month=month.name, files=files)
        text = (
            f"the statement of {month.name} as {rule.side} is written, {len(statement.lines)}"
            f" amounts: {', '.join(files)}"
        )
        self._notices.say(Announcement(about, month.name, Urgency.INFO, text))
