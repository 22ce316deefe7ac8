"""Compare a match record with the engine's replay, and with what the transaction brought."""

from collections.abc import Sequence

from matcher.engine.values import ENGINE
from matcher.orderbook.document import BookDocument, replay
from matcher.verify.findings import Findings
from matcher.verify.record import Line, Record
from matcher.verify.witness import Mined
from wasmarket.chain.contracts.abi import load_abi
from wasmarket.kernel.errors import MarketError
from wasmarket.kernel.events import Assigned, FillSkipped, Matched
from wasmarket.kernel.reasons import FillReason, describe
from wasmarket.kernel.signing.offers import ProviderOffer
from wasmarket.kernel.signing.typed_data import hash_offer
from wasmarket.kernel.units import Address, Hash

MOVED = frozenset(
    {
        FillReason.EXPIRED,
        FillReason.COUNTER,
        FillReason.DEAL_FULL,
        FillReason.NO_UNITS,
        FillReason.CANCELLED,
    }
)
"""Refusals that happen to an honest matcher: the chain moved on after the book's block."""


def check_record(record: Record, document: BookDocument, findings: Findings) -> None:
    """Compare what a record says of its book with the book."""
    head = document.head
    for name, expected in (("block", head.block), ("block_hash", head.block_hash)):
        findings.compare("record", "record", name, expected, getattr(record, name))
    findings.compare("record", "record", "engine", document.engine, record.engine)
    wanted = sorted(demand.hash for demand in document.demands)
    findings.compare("record", "record", "offers", wanted, sorted(record.offers))
    findings.compare("record", "record", "offer", True, record.offer in wanted)


def check_replay(record: Record, document: BookDocument, findings: Findings) -> None:
    """Compute the round anew and compare fills and sums."""
    findings.begin("replay")
    if document.engine != ENGINE:
        findings.compare(
            "replay", "record", "engine", f"{ENGINE}, which runs here", document.engine
        )
        return
    result = replay(document)
    match = next((m for m in result.matches if m.demand.hash == record.offer), None)
    if match is None:
        findings.compare("replay", "record", "offer", "one of the round", record.offer)
        return
    computed = [Line(f.ask.hash, f.units, f.ask.offer.price) for f in match.fills]
    compare_lines("replay", "record", computed, record.fills, findings)
    findings.compare("replay", "record", "total", match.total, record.total)
    findings.compare("replay", "record", "saving", match.surplus, record.saving)
    findings.compare("replay", "record", "bound", result.bound, record.bound)
    findings.compare("replay", "record", "gap_ppm", result.gap_ppm, record.gap_ppm)
    if result.bound < result.surplus:
        findings.compare("replay", "round", "bound", f"at least {result.surplus}", result.bound)


def check_transaction(
    record: Record, deal: int, mined: Mined | None, market: Address, findings: Findings
) -> None:
    """Compare the record's fills with those that were sent, and with those on chain."""
    findings.begin("transaction")
    where = f"transaction {record.tx}"
    if mined is None or not mined.succeeded:
        found = "not on chain" if mined is None else "reverted"
        findings.compare("transaction", where, "state", "mined", found)
        return
    if mined.block < record.block:
        after = f"after {record.block}"
        findings.compare("transaction", where, "block", after, mined.block)
    if not any(isinstance(e, Matched) and e.deal == deal for e in mined.events):
        findings.compare("transaction", where, "Matched", f"of deal {deal}", "none")
        return
    wanted = record.fills
    sent = _sent(mined, market)
    if sent is None:
        findings.note(f"{where} went through another contract: only its events were compared")
    else:
        compare_lines("transaction", f"{where}, sent", wanted, sent, findings)
    _check_assigned(where, wanted, deal, mined, findings)


def compare_lines(
    check: str, where: str, expected: Sequence[Line], found: Sequence[Line], findings: Findings
) -> None:
    """Compare fills offer by offer; their order does not matter."""
    wanted, given = ({line.offer: line for line in lines} for lines in (expected, found))
    findings.compare(check, where, "number of fills", len(expected), len(found))
    for offer in sorted(wanted.keys() | given.keys()):
        one, other = wanted.get(offer), given.get(offer)
        findings.compare(check, where, f"fill of ask {offer}", _amount(one), _amount(other))


def _amount(line: Line | None) -> str:
    return "none" if line is None else f"{line.units} units at {line.price}"


def _sent(mined: Mined, market: Address) -> list[Line] | None:
    """Return the fills in the call data, None if it is not a call of `Market.match`."""
    function = load_abi("Market").function("match")
    if mined.to.lower() != market.lower() or mined.data[:4] != function.selector:
        return None
    try:
        arguments = function.decode_inputs(mined.data[4:])
    except MarketError:
        return None
    return [
        Line(Hash(hash_offer(ProviderOffer(*fill[:7]))), fill[7], fill[2]) for fill in arguments[3]
    ]


def _check_assigned(
    where: str, wanted: Sequence[Line], deal: int, mined: Mined, findings: Findings
) -> None:
    assigned = {
        e.offer: Line(Hash(e.offer), e.units, e.price)
        for e in mined.events
        if isinstance(e, Assigned) and e.deal == deal
    }
    skips = [e for e in mined.events if isinstance(e, FillSkipped) and e.deal == deal]
    excused = sum(1 for skip in skips if skip.reason in MOVED)
    for skip in skips:
        text = f"{where}: the chain skipped a fill of peer {skip.peer}: {describe(skip.reason)}"
        if skip.reason in MOVED:
            findings.note(text)
        else:
            findings.compare(
                "transaction", f"peer {skip.peer}", "fill", "accepted", describe(skip.reason)
            )
    for line in wanted:
        got = assigned.pop(line.offer, None)
        if got is not None and got.price == line.price and got.units < line.units:
            findings.note(f"{where}: the chain had {got.units} of {line.units} units left")
        elif got is None and excused:
            excused -= 1
        else:
            findings.compare(
                "transaction", where, f"assignment of ask {line.offer}", _amount(line), _amount(got)
            )
    for line in assigned.values():
        findings.compare(
            "transaction", where, f"assignment of ask {line.offer}", "none", _amount(line)
        )
