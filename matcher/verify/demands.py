"""Compare the developer offers of a book with the chain: deal, balance, live units, departures."""

from collections.abc import Iterable

from matcher.engine.values import Demand, Live
from matcher.offers.signed_wishes import find_replacements, find_target
from matcher.orderbook.document import NO_EVIDENCE, BookDocument
from matcher.orderbook.snapshot import AVOID_EPOCHS
from matcher.verify.chain_state import check_holding
from matcher.verify.findings import Findings
from matcher.verify.history import History
from matcher.verify.witness import Witness
from wasmarket.kernel.reasons import EndKind

GIVEN_UP = (EndKind.LEFT, EndKind.DROPPED, EndKind.EVICTED)


def check_demands(
    document: BookDocument, witness: Witness, history: History, findings: Findings
) -> None:
    """Check every developer offer of the round, matched or not."""
    findings.begin("demands")
    findings.begin("avoid")
    block = document.head.block
    developers = sorted({demand.offer.developer for demand in document.demands})
    keys = [(demand.offer.developer, demand.hash) for demand in document.demands]
    words = witness.offers(keys, block)
    counters = witness.accounts(developers, block)
    for demand, key in zip(document.demands, keys, strict=True):
        where, word = f"demand {demand.hash}", words[key]
        findings.compare("demands", where, "deal", word.deal, demand.deal)
        findings.compare("demands", where, "cancelled", False, bool(word.cancelled))
        counter = counters[key[0]].counter
        findings.compare("demands", where, "counter", counter, demand.offer.counter)
        _check_wishes(demand, document, witness, findings)
        if word.deal:
            _check_deal(demand, word.deal, witness, history, findings, block)
            _check_avoid(demand, document, witness, history, findings)
            continue
        check_holding(
            where,
            demand.offer,
            key[0],
            document.signatures[demand.hash],
            bool(word.approved),
            witness,
            findings,
            check="demands",
        )
        findings.compare("demands", where, "balance", demand.offer.deposit, demand.balance)
        findings.compare("demands", where, "live", "nothing", _write(demand.live))
        findings.compare("avoid", where, "avoid", [], sorted(demand.avoid))
        if demand.offer.valid_until < document.head.time:
            expected = f"at least {document.head.time}"
            findings.compare("demands", where, "valid_until", expected, demand.offer.valid_until)


def _check_wishes(
    demand: Demand, document: BookDocument, witness: Witness, findings: Findings
) -> None:
    """Check that what is held back or replaced is so at the developer's signed word."""
    offer, where = demand.offer, f"demand {demand.hash}"
    proofs = document.evidence.get(demand.hash, NO_EVIDENCE).proofs
    target = find_target(proofs, demand.hash, offer.developer, witness.domain)
    hold = 0 if target is None else max(0, offer.units - target)
    findings.compare("demands", where, "hold (by signed target)", hold, demand.hold)
    asked = find_replacements(proofs, demand.deal, offer.developer, witness.domain)
    # One that was asked for may be over; none may be replaced that was not asked for.
    unasked = sorted(demand.replacing - asked)
    findings.compare("demands", where, "replaced without being asked for", [], unasked)
    if demand.hold or demand.replacing:
        findings.note(f"{where}: wants {demand.want} units, as its developer signed")


def _check_deal(
    demand: Demand,
    deal: int,
    witness: Witness,
    history: History,
    findings: Findings,
    block: int,
) -> None:
    where = f"demand {demand.hash}"
    view = witness.deals([deal], block)[deal]
    findings.compare("demands", where, "balance", view.balance, demand.balance)
    known = witness.assignments(history.assignments(deal, block), block)
    alive = [
        Live(id_, entry.peer, entry.units, entry.price)
        for id_, entry in sorted(known.items())
        if entry.alive
    ]
    findings.compare("demands", where, "live", _write(alive), _write(demand.live))


def _check_avoid(
    demand: Demand,
    document: BookDocument,
    witness: Witness,
    history: History,
    findings: Findings,
) -> None:
    head = document.head
    since = head.time - AVOID_EPOCHS * witness.deployment.parameters.epoch_seconds
    justified = {
        entry.peer
        for entry in history.departures
        if entry.deal == demand.deal
        and entry.block <= head.block
        and entry.kind in GIVEN_UP
        and (entry.kind == EndKind.DROPPED or entry.time >= since)
    }
    where = f"demand {demand.hash}"
    findings.compare("avoid", where, "avoid", sorted(justified), sorted(demand.avoid))


def _write(live: Iterable[Live]) -> str:
    return ", ".join(f"{e.id} (peer {e.peer}, {e.units} at {e.price})" for e in live) or "nothing"
