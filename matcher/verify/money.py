"""Check that the new developer offers of a round had their deposits and tips behind them."""

from collections.abc import Iterable, Sequence

from matcher.engine.values import Demand
from matcher.offers.funding import parse_permit, split_by_funds
from matcher.orderbook.document import BookDocument
from matcher.verify.findings import Findings
from matcher.verify.witness import Witness
from wasmarket.chain.contracts.fills import MatchPermit
from wasmarket.kernel.addresses import ZERO_ADDRESS
from wasmarket.kernel.units import Address, Hash


def check_money(document: BookDocument, witness: Witness, findings: Findings) -> None:
    """Share out what each developer held at the book's block, as the matcher should have.

    A round may leave offers out that have money, but none may be in it that has none: it would
    cost nobody anything, and move everybody's units.
    """
    findings.begin("funds")
    first = [demand for demand in document.demands if demand.is_first]
    block = document.head.block
    purses = witness.purses(sorted({d.offer.developer for d in first}), block)
    permits = _good_permits(document, first, witness)
    unfunded = split_by_funds(first, purses, permits, document.head.time).unfunded
    for demand in first:
        found = unfunded.get(demand.hash, "")
        where = f"demand {demand.hash}"
        findings.compare("funds", where, "deposit and tip", "held by its developer", found or _HELD)


_HELD = "held by its developer"


def check_matchable(
    demands: Iterable[Demand], caller: Address, witness: Witness, block: int, findings: Findings
) -> None:
    """Check that each offer is there once, and that this matcher may fill it at that block."""
    seen: set[Hash] = set()
    places: set[int] = set()
    for demand in demands:
        where = f"demand {demand.hash}"
        if demand.hash in seen:
            findings.compare("demands", where, "times in the round", 1, 2)
        if demand.sequence in places:
            findings.compare("demands", where, "sequence", "its own", "another's too")
        seen.add(demand.hash)
        places.add(demand.sequence)
        if demand.offer.matcher not in (ZERO_ADDRESS, caller):
            findings.compare("demands", where, "matcher", demand.offer.matcher, caller)
        if demand.deal:
            _check_refillable(demand, witness, block, findings)


def _check_refillable(demand: Demand, witness: Witness, block: int, findings: Findings) -> None:
    view = witness.deals([demand.deal], block)[demand.deal]
    epoch = witness.header(block).timestamp // witness.deployment.parameters.epoch_seconds
    if view.stopped or view.end <= epoch:
        where = f"demand {demand.hash}"
        findings.compare("demands", where, "deal", "one that can be refilled", "over or stopping")


def _good_permits(
    document: BookDocument, first: Sequence[Demand], witness: Witness
) -> dict[Hash, MatchPermit]:
    """Return the permits that came with offers and were good at the book's block."""
    owners = {demand.hash: demand.offer.developer for demand in first}
    given = {
        name: parse_permit(document.evidence[name].permit)
        for name in owners
        if name in document.evidence and document.evidence[name].permit is not None
    }
    if not given:
        return {}
    rules = witness.permit_rules([owners[name] for name in given], document.head.block)
    return {name: permit for name, permit in given.items() if rules.is_good(owners[name], permit)}
