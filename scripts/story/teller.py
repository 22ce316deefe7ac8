"""Tell a story on a terminal: numbered chapters, facts, and money before and after."""

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from wasmarket.kernel.units import format_usdc
from wasmarket_cli.local.money import Money

WIDTH = 100
INDENT = 11


class Teller:
    """Writes to the terminal; keeps count of chapters and seconds."""

    def __init__(self, console: Console | None = None) -> None:
        """Without a console, write to stdout, at most WIDTH columns wide."""
        self.console = console or Console(highlight=False)
        seen = self.console.width if self.console.is_terminal else WIDTH
        self.console.width = min(seen, WIDTH)
        self._began = time.monotonic()
        self._chapter = 0

    def chapter(self, title: str) -> None:
        """Begin the next chapter."""
        self._chapter += 1
        clock = f"{time.monotonic() - self._began:6.1f} s "
        head = Text(clock, "dim")
        head.append(f"{self._chapter:>2}  ", "cyan").append(title, "bold")
        self.console.print()
        self.console.print(head)

    def fact(self, text: str) -> None:
        """Say one thing that happened."""
        self.console.print(Padding(Text(text), (0, 0, 0, INDENT)))

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Show rows; columns that start with `#` are right-aligned numbers."""
        table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
        for column in columns:
            side = "right" if column.startswith("#") else "left"
            table.add_column(column.removeprefix("#"), justify=side)  # type: ignore[arg-type]
        for row in rows:
            table.add_row(*(str(cell) for cell in row))
        self.console.print(Padding(table, (0, 0, 0, INDENT)))

    def money(self, before: Money, after: Money) -> None:
        """Show every place whose money changed, then that it adds up. Raises DoesNotAddUp."""
        old, new = before.lines(), after.lines()
        rows = [
            (name, format_usdc(old.get(name, 0)), _change(new, old, name), format_usdc(amount))
            for name, amount in new.items()
            if amount != old.get(name, 0)
        ]
        if rows:
            self.table(["USDC", "#before", "#change", "#after"], rows)
        after.check()
        self.console.print(
            Padding(
                Text(f"✓ adds up: Market owes and holds {format_usdc(after.held)} USDC", "green"),
                (0, 0, 0, INDENT),
            )
        )

    @contextmanager
    def waiting(self, text: str) -> Iterator[None]:
        """Show that something takes a while."""
        with self.console.status(text, spinner="dots"):
            yield

    def end(self, text: str) -> None:
        """Write the last line."""
        self.console.print()
        self.console.print(Text(f"{time.monotonic() - self._began:6.1f} s  ✓ {text}", "bold green"))


def _change(new: dict[str, int], old: dict[str, int], name: str) -> str:
    change = new[name] - old.get(name, 0)
    return f"{'+' if change > 0 else ''}{format_usdc(change)}"
