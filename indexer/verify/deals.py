"""Peers, deals, runs and assignments, settled as of the block on both sides."""

from collections.abc import Iterator
from typing import Any

from indexer.verify.comparison import Compared, Members, StoreAndChain, compare_fields, find_missing
from wasmarket.chain.contracts.packed_words import AssignmentCode, AssignmentWord
from wasmarket.chain.contracts.views import OnchainAssignment
from wasmarket.kernel.billing import DealStatus
from wasmarket.store.chain.assignments import fetch_assignments, fetch_claimable
from wasmarket.store.chain.deals import fetch_deals, fetch_deals_by_id
from wasmarket.store.chain.table_scan import PAGE, scan_table
from wasmarket.store.enums import AssignmentState
from wasmarket.store.views import AssignmentView, DealView

STATUSES = {
    DealStatus.WAITING: 1,
    DealStatus.RUNNING: 2,
    DealStatus.LAPSED: 3,
    DealStatus.STOPPING: 4,
    DealStatus.ENDED: 5,
}
CODES = {
    AssignmentState.PENDING: AssignmentCode.PENDING,
    AssignmentState.ACTIVE: AssignmentCode.ACTIVE,
    AssignmentState.ENDED: AssignmentCode.ENDED,
    AssignmentState.CLEARED: AssignmentCode.NONE,
    AssignmentState.METERED: AssignmentCode.METERED,
    AssignmentState.CLOSED: AssignmentCode.CLOSED,
}
TIMED = (AssignmentState.ACTIVE, AssignmentState.ENDED)
METERED = (AssignmentState.METERED, AssignmentState.CLOSED)


def compare_peers(sides: StoreAndChain) -> Iterator[Compared]:
    """Compare capacity, place, wallet and traits."""
    known = set()
    names = ("provider", "units", "used", "memory_mib", "region", "wallet", "traits")
    for rows in scan_table(sides.session, "peer"):
        views = sides.lens.peers([row["id"] for row in rows], sides.block)
        for row, view in zip(rows, views, strict=True):
            known.add(row["id"])
            onchain = {name: getattr(view, name) for name in names}
            yield Compared(str(row["id"]), {name: row[name] for name in names}, onchain)
    yield from find_missing(known, sides.lens.read("peer_count", block=sides.block))


def compare_deals(sides: StoreAndChain) -> Iterator[Compared]:
    """Compare deals, and that each is the one of its offer."""
    known: set[int] = set()
    names = ("developer", "balance", "rate", "settled", "end", "units", "run", "stopped", "runway")
    last = 0
    while views := fetch_deals(sides.session, sides.at, after=last, limit=PAGE):
        ids = [view.id for view in views]
        known.update(ids)
        last = ids[-1]
        found = sides.lens.deals(ids, sides.block)
        offers = sides.market.offers([(v.developer, v.offer) for v in views], sides.block)
        words = sides.market.deals(ids, sides.block)
        for view, lens, offer, word in zip(views, found, offers, words, strict=True):
            stored, onchain = compare_fields(view, lens, *names)
            yield Compared(
                str(view.id),
                {
                    **stored,
                    "status": STATUSES[view.status],
                    "deal of its offer": view.id,
                    "metered": int(view.is_metered),
                },
                {
                    **onchain,
                    "status": lens.status,
                    "deal of its offer": offer.deal,
                    "metered": word.metered,
                },
            )
    yield from find_missing(known, sides.lens.read("deal_count", block=sides.block))


def compare_run_ends(sides: StoreAndChain) -> Iterator[Compared]:
    """Compare the last funded epochs of runs that lapsed."""
    for rows in scan_table(sides.session, "run_end"):
        asked = [(row["deal"], row["run"]) for row in rows]
        ends = sides.market.read_many("run_end", asked, sides.block)
        for row, end in zip(rows, ends, strict=True):
            yield Compared(f"{row['deal']}/{row['run']}", {"last": row["last"]}, {"last": end})


def compare_assignments(sides: StoreAndChain) -> Iterator[Compared]:
    """Compare assignments, what a claim of each would give, and who signs metered usage."""
    known: set[int] = set()
    last = 0
    session, at, block = sides.session, sides.at, sides.block
    while views := fetch_assignments(session, at, after=last, limit=PAGE):
        ids = [view.id for view in views]
        known.update(ids)
        last = ids[-1]
        lenses = sides.lens.assignments(ids, block)
        words = sides.market.assignments(ids, block)
        claims = fetch_claimable(session, at, ids)
        deals = fetch_deals_by_id(session, at, [view.deal for view in views])
        metered = [view.id for view in views if view.state in METERED]
        meters = dict(
            zip(
                metered,
                sides.market.read_many("meter_of", [(id_,) for id_ in metered], block),
                strict=True,
            )
        )
        for view, lens, word in zip(views, lenses, words, strict=True):
            stored, onchain = _members(view, lens, word)
            stored["claimable"], onchain["claimable"] = claims[view.id], (lens.paid, lens.refund)
            if view.id in meters:
                stored["meter"] = _meter_of(deals, view)
                onchain["meter"] = meters[view.id]
            yield Compared(str(view.id), stored, onchain)
    yield from find_missing(known, sides.lens.read("assignment_count", block=block))


def _members(
    view: AssignmentView, lens: OnchainAssignment, word: AssignmentWord
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what both sides say; of a record that the chain has forgotten only that it has."""
    stored: dict[str, Any] = {"state": int(CODES[view.state]), "alive": view.alive}
    onchain: dict[str, Any] = {"state": lens.state, "alive": lens.alive}
    if view.state == AssignmentState.CLEARED or lens.state == AssignmentCode.NONE:
        return stored, onchain
    parts: list[tuple[Members, Members]] = [
        compare_fields(view, lens, "deal", "peer", "units", "price"),
        ({"run": view.run}, {"run": word.run}),
    ]
    if view.state == AssignmentState.PENDING:
        parts.append(
            (
                {"assigned_at": view.assigned_at, "assigned_block": view.assigned_block},
                {"assigned_at": word.start, "assigned_block": word.next},
            )
        )
    else:
        parts.append(compare_fields(view, lens, "start", "end_of"))
    if view.state in TIMED:
        parts.append(compare_fields(view, lens, "next"))
        if word.next == word.start:
            # The chain clears it with the first claim, the store keeps it.
            parts.append(compare_fields(view, word, "skipped"))
    if view.state in METERED:
        parts.append(compare_fields(view, word, "paid"))
    for ours, theirs in parts:
        stored |= ours
        onchain |= theirs
    return stored, onchain


def _meter_of(deals: dict[int, DealView], view: AssignmentView) -> str | None:
    deal = deals.get(view.deal)
    return None if deal is None else deal.meter
