"""A statement as a PDF. Needs the extra `pdf`."""

from wasmarket.client.statements.statement import (
    USDC,
    LineKind,
    Statement,
    write_amount,
    write_sums,
    write_time,
)
from wasmarket.serving.papers.pdf_pages import PdfTable, build_pdf

NOTE = (
    "Read from a matcher's index; each amount was compared with the log of its transaction on"
    " chain. Times are the chain's, in UTC."
)


def write_pdf(statement: Statement) -> bytes:
    """Return a statement's sums and lines; the same statement gives the same bytes."""
    part = "" if statement.is_whole else " (until now)"
    facts = [
        ("Account", statement.account),
        ("As", str(statement.side)),
        ("Month", statement.month.name + part),
        ("Chain", f"{statement.chain_id}, up to block {statement.block}"),
        *((f"Sum: {name}", amount) for name, amount in write_sums(statement.sum_by_kind())),
    ]
    return build_pdf(
        f"Wasmarket statement {statement.month.name}",
        facts,
        [_by_deal(statement), _lines(statement)],
        NOTE,
        at=statement.month.end,
        is_wide=True,
    )


def _by_deal(statement: Statement) -> PdfTable:
    sums = statement.sum_by_deal()
    kinds = [kind for kind in LineKind if any(kind in of_deal for of_deal in sums.values())]
    rows = [
        (str(deal), *(write_amount(of_deal.get(kind, 0), USDC) for kind in kinds))
        for deal, of_deal in sums.items()
    ]
    columns = ("deal", *(f"{kind} USDC" for kind in kinds))
    right = frozenset(range(1, len(columns)))
    return PdfTable("By deal", columns, rows, (1.0,) * len(columns), right)


def _lines(statement: Statement) -> PdfTable:
    rows = [
        (
            write_time(line.timestamp),
            str(line.kind),
            "" if line.deal is None else str(line.deal),
            "" if line.assignment is None else str(line.assignment),
            line.epochs,
            f"{line.written} {line.token.upper() if line.token != 'coins' else line.token}",
            line.tx,
        )
        for line in statement.lines
    ]
    columns = ("time", "what", "deal", "assignment", "epochs", "amount", "transaction")
    return PdfTable("All amounts", columns, rows, (2, 2, 0.8, 1.2, 2, 3, 6.6), frozenset({5}))
