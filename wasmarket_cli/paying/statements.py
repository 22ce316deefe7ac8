"""`wasmarket statement`: what an account paid or earned in a month, each with its transaction."""

from pathlib import Path

import click

from wasmarket.client.statements.reading import StatementReader
from wasmarket.client.statements.statement import (
    USDC,
    LineKind,
    Month,
    Side,
    Statement,
    write_amount,
    write_csv,
    write_sums,
)
from wasmarket_cli.options import json_option, key_option
from wasmarket_cli.output import print_json, print_table, say
from wasmarket_cli.wiring import wire

FILE = click.Path(dir_okay=False, writable=True, path_type=Path)


@click.command()
@click.option("--month", metavar="YYYY-MM", help="Which month, UTC [the last that is over]")
@click.option(
    "--as",
    "side",
    type=click.Choice([str(side) for side in Side]),
    default=str(Side.DEVELOPER),
    show_default=True,
    help="What you paid, or what you earned",
)
@click.option("--csv", "csv_file", type=FILE, help="Write all amounts to this file")
@click.option("--pdf", "pdf_file", type=FILE, help="Write it as a document (needs the extra pdf)")
@key_option
@json_option
@click.pass_context
def statement(
    ctx: click.Context,
    month: str | None,
    side: str,
    csv_file: Path | None,
    pdf_file: Path | None,
    key: str | None,
    as_json: bool,
) -> None:
    """Show what your account paid or earned in a month, with the transaction of each amount.

    The matcher's index tells what happened; each amount is compared with the chain, to the last
    base unit. A developer's has deposits, top-ups, what providers were paid by deal and epoch,
    refunds; a provider's has earnings, fees for missed epochs, withdrawals; both what gas cost.
    """
    wiring = wire(ctx)
    chosen = Month.parse(month) if month else Month.before(wiring.clock.refresh())
    found = StatementReader(wiring).read(Side(side), wiring.address(key), chosen)
    if csv_file is not None:
        csv_file.write_text(write_csv(found), encoding="utf-8", newline="")
    if pdf_file is not None:
        # fpdf2 is an extra, and half a second.
        from wasmarket.client.statements.pdf import write_pdf  # noqa: PLC0415

        pdf_file.write_bytes(write_pdf(found))
    if as_json:
        print_json(_to_document(found))
        return
    _show(found)
    for file in (csv_file, pdf_file):
        if file is not None:
            say(f"written to {file}")


def _show(found: Statement) -> None:
    part = "" if found.is_whole else ", until now"
    say(f"{found.month.name} of {found.account} as {found.side}{part}")
    if not found.lines:
        say("nothing was moved")
        return
    print_table("Sums", ["what", "#amount"], write_sums(found.sum_by_kind()))
    sums = found.sum_by_deal()
    if sums:
        kinds = [kind for kind in LineKind if any(kind in of_deal for of_deal in sums.values())]
        rows = [
            (deal, *(write_amount(of_deal.get(kind, 0), USDC) for kind in kinds))
            for deal, of_deal in sums.items()
        ]
        print_table("USDC by deal", ["#deal", *(f"#{kind}" for kind in kinds)], rows)
    say(f"{len(found.lines)} amounts, each found in its transaction; --csv or --pdf lists them")


def _to_document(found: Statement) -> dict[str, object]:
    return {
        "account": found.account,
        "as": str(found.side),
        "month": found.month.name,
        "whole": found.is_whole,
        "block": found.block,
        "sums": [
            {"kind": str(kind), "token": token, "amount": str(amount)}
            for (kind, token), amount in found.sum_by_kind().items()
        ],
        "lines": [
            {
                "at": line.timestamp,
                "kind": str(line.kind),
                "token": line.token,
                "amount": str(line.amount),
                "deal": line.deal,
                "assignment": line.assignment,
                "peer": line.peer,
                "epochs": line.epochs or None,
                "tx": line.tx,
                "block": line.block,
            }
            for line in found.lines
        ],
    }
