"""PDF documents of ours: a title, tables of facts, tables of amounts. Needs the extra `pdf`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from fpdf import FPDF
from fpdf.enums import TableBordersLayout, XPos, YPos
from fpdf.fonts import FontFace

MARGIN = 15.0
FONT = "Helvetica"


@dataclass(frozen=True, slots=True)
class PdfTable:
    """Rows under a heading; `widths` are shares, `right`: the columns whose numbers end alike."""

    heading: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    widths: tuple[float, ...]
    right: frozenset[int] = frozenset()


class _Document(FPDF):
    """Numbers its pages."""

    def footer(self) -> None:
        """Write the page's number."""
        self.set_y(-MARGIN)
        self.set_font(FONT, size=8)
        self.cell(0, 6, f"{self.page_no()} / {{nb}}", align="C")


def build_pdf(
    title: str,
    facts: Sequence[tuple[str, str]],
    tables: Sequence[PdfTable],
    note: str,
    *,
    at: int,
    is_wide: bool = False,
) -> bytes:
    """Return a document; the same values give the same bytes. `at`: when it was made, seconds."""
    document = _Document(orientation="landscape" if is_wide else "portrait", format="A4")
    document.set_creation_date(datetime.fromtimestamp(at, UTC))
    document.set_title(_latin(title))
    document.set_lang("en")
    document.set_margin(MARGIN)
    document.set_auto_page_break(True, 2 * MARGIN)
    document.add_page()
    document.set_font(FONT, "B", 16)
    document.multi_cell(0, 9, _latin(title), new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    document.ln(2)
    if facts:
        _add_table(document, PdfTable("", (), facts, (1, 3)))
    for table in tables:
        document.ln(4)
        document.set_font(FONT, "B", 11)
        document.cell(0, 7, _latin(table.heading), new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        _add_table(document, table)
    document.ln(4)
    document.set_font(FONT, size=8)
    document.multi_cell(0, 4, _latin(note))
    return bytes(document.output())


def _add_table(document: FPDF, table: PdfTable) -> None:
    document.set_font(FONT, size=8)
    layout = TableBordersLayout.HORIZONTAL_LINES
    bold = FontFace(emphasis="BOLD")
    aligned = tuple(
        "RIGHT" if place in table.right else "LEFT" for place in range(len(table.widths))
    )
    with document.table(
        col_widths=table.widths,
        text_align=aligned,
        borders_layout=layout,
        headings_style=bold,
        first_row_as_headings=bool(table.columns),
        line_height=4.5,
        wrapmode="CHAR",
    ) as drawn:
        for row in (*((table.columns,) if table.columns else ()), *table.rows):
            cells = drawn.row()
            for place, text in enumerate(row):
                style = bold if not table.columns and place == 0 else None
                cells.cell(_latin(text), style=style)


def _latin(text: str) -> str:
    """Return what the standard fonts can show: what is not Latin-1 becomes a question mark."""
    return text.encode("latin-1", "replace").decode("latin-1")
