"""Statistics of the columns of a CSV table, and a bar chart of one of them."""

import csv
import io
from dataclasses import dataclass
from html import escape
from statistics import fmean, median, pstdev

from wasmarket_guest import Failure, Result, log, u32

BAR, GAP, WIDTH = 18, 6, 480


@dataclass
class Column:
    name: str
    count: u32
    least: float
    most: float
    mean: float
    median: float
    deviation: float


def summarize(table: str) -> Result[list[Column]]:
    """Return the statistics of each column that holds numbers."""
    rows = _read_rows(table)
    columns = []
    for name in rows[0]:
        values = [number for row in rows if (number := _read_number(row[name])) is not None]
        if values:
            columns.append(
                Column(
                    name,
                    len(values),
                    min(values),
                    max(values),
                    fmean(values),
                    median(values),
                    pstdev(values),
                )
            )
    log.info(f"{len(rows)} rows, {len(columns)} columns of numbers")
    return columns


def chart(table: str, label: str, column: str) -> Result[bytes]:
    """Return a picture (SVG) with a bar for each row: what `label` says, as long as `column`."""
    rows = _read_rows(table)
    for name in (label, column):
        if name not in rows[0]:
            raise Failure(f"there is no column {name!r}")
    bars = [(row[label], _read_number(row[column]) or 0.0) for row in rows]
    longest = max((abs(value) for _, value in bars), default=0.0) or 1.0
    height = len(bars) * (BAR + GAP) + GAP
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}">']
    for place, (text, value) in enumerate(bars):
        top = GAP + place * (BAR + GAP)
        length = abs(value) / longest * (WIDTH - 120)
        lines.append(
            f'<rect x="110" y="{top}" width="{length:.1f}" height="{BAR}" fill="steelblue"/>'
            f'<text x="4" y="{top + BAR - 4}" font-size="13">{escape(text)}</text>'
        )
    return "\n".join([*lines, "</svg>"]).encode()


def _read_rows(table: str) -> list[dict[str, str]]:
    rows = list(csv.DictReader(io.StringIO(table)))
    if not rows:
        raise Failure("the table has no rows under its heading")
    return rows


def _read_number(text: str | None) -> float | None:
    try:
        return float(text or "")
    except ValueError:
        return None
