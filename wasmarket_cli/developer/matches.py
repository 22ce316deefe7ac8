"""`wasmarket match`: what a matcher computed for a deal, and whether it is true."""

from typing import Any

import click
import httpx

from matcher.verify.findings import CHECKS, Findings
from matcher.verify.match import DealReport, MatchReport, verify_deal
from matcher.verify.record import parse_record
from matcher.verify.witness import Witness
from wasmarket.client.developer import DeveloperClient
from wasmarket.client.service import ServiceClient
from wasmarket.client.wiring import Wiring
from wasmarket.kernel.addresses import parse_address
from wasmarket.kernel.units import Address, Hash, format_usdc
from wasmarket_cli.errors import Exit
from wasmarket_cli.options import json_option
from wasmarket_cli.output import count, print_facts, print_json, print_table, say, usdc
from wasmarket_cli.wiring import wire

MOST_SHOWN = 50
"""Differences printed per match; `--json` has all."""

matcher_option = click.option("--matcher", metavar="URL", help="Another matcher than [client]'s")


@click.group()
def match() -> None:
    """Match records: what was computed, from which book, and the proof of it."""


@match.command()
@click.argument("deal", type=click.IntRange(1))
@matcher_option
@json_option
@click.pass_context
def show(ctx: click.Context, deal: int, matcher: str | None, as_json: bool) -> None:
    """Show the match records of DEAL: who was chosen, what was saved, how far from the bound."""
    records = _records(_service(wire(ctx), matcher), deal)
    if as_json:
        print_json(records)
        return
    for record in records:
        _show_record(record)
    if not records:
        say("this matcher has no record of the deal")


@match.command()
@click.argument("deal", type=click.IntRange(1))
@matcher_option
@json_option
@click.pass_context
def verify(ctx: click.Context, deal: int, matcher: str | None, as_json: bool) -> int:
    """Check every match of DEAL: its book against the chain, its fills against the engine.

    Fetches each match record and its book from the matcher and checks every signature, every
    word of chain state at the book's block, that no published offer is missing, and that the
    engine computes the very fills that are on chain. Needs a node with the state of that block.
    """
    wiring = wire(ctx)
    service = _service(wiring, matcher)
    records = [parse_record(entry) for entry in _records(service, deal)]
    account = parse_address(service.get("/v1/status")["extra"]["account"])

    def fetch_book(digest: Hash) -> bytes:
        answer: httpx.Response = service.send("GET", f"/v1/books/{digest}")
        return answer.content

    report = verify_deal(deal, records, fetch_book, account, Witness(wiring.rpc, wiring.deployment))
    if as_json:
        print_json(_to_json(report, account))
    else:
        _show_report(report, account)
    return Exit.OK if report.is_verified else Exit.FAILED


def _service(wiring: Wiring, url: str | None) -> ServiceClient:
    client = DeveloperClient(wiring)
    return client.matcher if url is None else ServiceClient("matcher", url, wiring.http, None)


def _records(service: ServiceClient, deal: int) -> list[dict[str, Any]]:
    return list(service.items(f"/v1/deals/{deal}/matches"))


def _show_record(record: dict[str, Any]) -> None:
    print_facts(
        f"Match {record['id']}",
        [
            ("offer", record["offer"]),
            ("transaction", record["tx"] or "never sent"),
            ("computed from", f"book {record['book']} of block {record['block']}"),
            ("engine", record["engine"]),
            ("round of", count(len(record["offers"]), "offer")),
            ("price", f"{usdc(record['total'])} per epoch"),
            ("surplus", f"{usdc(record['saving'])} per epoch"),
            ("round's bound, gap", f"{usdc(record['bound'])}, {record['gap_ppm']} ppm"),
        ],
    )
    print_table(
        "Fills",
        ["provider offer", "#units", "#USDC per unit and epoch"],
        [(f["offer"], f["units"], format_usdc(int(f["price"]))) for f in record["fills"]],
    )


def _show_report(report: DealReport, account: Address) -> None:
    for entry in report.matches:
        _show_match(entry)
    for tx in report.unrecorded:
        say(f"matched in {tx} by this matcher ({account}), which shows no record of it")
    for tx, caller in report.foreign:
        say(f"matched in {tx} by {caller}: only that matcher can account for it")
    if report.is_verified:
        say(f"verified: {count(len(report.matches), 'match')} of deal {report.deal}")
    elif not report.matches and not report.unrecorded:
        say("nothing to verify: this matcher sent no match of the deal", err=True)
    else:
        say(f"NOT verified: deal {report.deal} differs from what its matcher says", err=True)


def _show_match(entry: MatchReport) -> None:
    findings = entry.findings
    print_table(
        f"Match {entry.record.id}, block {entry.record.block}",
        ["check", "#compared", "result"],
        [
            (text, findings.compared.get(name, 0), _result(name, findings))
            for name, text in CHECKS.items()
        ],
    )
    for difference in findings.differences[:MOST_SHOWN]:
        say(f"differs: {difference}")
    if len(findings.differences) > MOST_SHOWN:
        say(f"… and {len(findings.differences) - MOST_SHOWN} more: see --json")
    for note in findings.notes:
        say(f"note: {note}")


def _result(name: str, findings: Findings) -> str:
    if name not in findings.compared:
        return "not made"
    wrong = sum(1 for difference in findings.differences if difference.check == name)
    return f"{wrong} differ" if wrong else "ok"


def _to_json(report: DealReport, account: Address) -> dict[str, Any]:
    return {
        "deal": report.deal,
        "verified": report.is_verified,
        "matcher": account,
        "matches": [_match_json(entry) for entry in report.matches],
        "unrecorded": list(report.unrecorded),
        "foreign": [{"tx": tx, "caller": caller} for tx, caller in report.foreign],
    }


def _match_json(entry: MatchReport) -> dict[str, Any]:
    findings = entry.findings
    return {
        "id": entry.record.id,
        "tx": entry.record.tx,
        "block": entry.record.block,
        "book": entry.record.book,
        "verified": findings.is_verified,
        "checks": {
            name: {"compared": findings.compared.get(name, 0), "result": _result(name, findings)}
            for name in CHECKS
        },
        "differences": [
            {
                "check": d.check,
                "where": d.where,
                "field": d.field,
                "expected": d.expected,
                "found": d.found,
            }
            for d in findings.differences
        ],
        "notes": findings.notes,
    }
