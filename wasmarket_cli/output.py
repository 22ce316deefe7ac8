"""Write results for people (tables) or for scripts (JSON)."""

import json
import os
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from wasmarket.kernel.terminal_text import clean_lines_for_terminal
from wasmarket.kernel.units import format_flt, format_usdc

UNFOLDED: Final = 10_000
"""Columns of output that no terminal shows: more than any row has."""


def say(text: object = "", *, err: bool = False) -> None:
    """Write a line for people; strangers choose some of the words, so nothing harmful passes."""
    click.echo(clean_lines_for_terminal(str(text)), err=err)


def tell(text: str) -> None:
    """Say what is done now and takes its time, beside the answer."""
    say(text, err=True)


def print_json(value: Any) -> None:
    """Write one JSON document to stdout, indented for a person, one line for a pipe."""
    indent = 2 if sys.stdout.isatty() else None
    click.echo(json.dumps(value, indent=indent, default=str))


def print_value(value: Any) -> None:
    """Write what a function answered for people: a string as its text, all else as JSON."""
    say(value if isinstance(value, str) else json.dumps(value))


def show_done(as_json: bool, text: str, **facts: Any) -> None:
    """Say what a command has done: `text` for people, `facts` for scripts."""
    if as_json:
        print_json(facts)
    else:
        say(text)


def write_time(at: int) -> str:
    """Write chain time for people."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def write_duration(seconds: int) -> str:
    """Write a length of chain time for people: `1 d 2 h`."""
    days, rest = divmod(seconds, 86_400)
    hours, rest = divmod(rest, 3_600)
    minutes, rest = divmod(rest, 60)
    parts = [(days, "d"), (hours, "h"), (minutes, "min"), (rest, "s")]
    return " ".join(f"{n} {unit}" for n, unit in parts if n) or "0 s"


def print_line(**values: Any) -> None:
    """Write one JSON line at once; what a parent process waits for."""
    click.echo(json.dumps(values))
    sys.stdout.flush()


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a table; columns that start with `#` are right-aligned numbers."""
    table = Table(title=_plain(title), title_justify="left", title_style="bold", header_style="dim")
    for column in columns:
        table.add_column(
            column.removeprefix("#"),
            justify="right" if column.startswith("#") else "left",
            overflow="fold",
        )
    for row in rows:
        table.add_row(*(_plain(cell) for cell in row))
    _console().print(table)


def print_facts(title: str, facts: Iterable[tuple[str, object]]) -> None:
    """Write name and value pairs under a title."""
    table = Table(
        title=_plain(title), title_justify="left", title_style="bold", show_header=False, box=None
    )
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts:
        table.add_row(_plain(name), _plain(value))
    _console().print(table)


def _console() -> Console:
    """Fit a terminal; into a pipe or file go whole lines, so that a search finds them."""
    is_told_width = sys.stdout.isatty() or "COLUMNS" in os.environ
    return Console() if is_told_width else Console(width=UNFOLDED)


def _plain(value: object) -> Text:
    """Show a text as it is: strangers choose some, so no markup and nothing harmful."""
    return Text(clean_lines_for_terminal(str(value)))


def format_coins(wei: int) -> str:
    """Write the chain's own coin for people: exact, without trailing zeros."""
    return format_flt(wei)  # 18 decimals as well


def usdc(amount: int | str) -> str:
    """Write base units for people: `1.250000 USDC`."""
    return f"{format_usdc(int(amount))} USDC"


def count(number: int, noun: str) -> str:
    """Write how many there are of a thing: `1 deal`, `2 deals`, `2 matches`."""
    ending = "" if number == 1 else "es" if noun.endswith("tch") else "s"
    return f"{number:,} {noun}{ending}"
