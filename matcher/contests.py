"""Gather what a provider could have served: open offers, and live deals that others serve."""

from dataclasses import replace

from kernel.errors import NotFound
from kernel.units import Address, Hash
from matcher.engine.opportunities import Contest
from matcher.snapshot import Snapshot, to_demand
from store.database import Session
from store.deals import fetch_deals
from store.offers import fetch_developer_offer
from store.views import DealView

MOST = 200


def read_contests(session: Session, snapshot: Snapshot, provider: Address) -> tuple[Contest, ...]:
    """Return at most `MOST` contests that the provider has no part in, newest deals first."""
    contests = [
        Contest(to_demand(entry.stored, entry.deal), None)
        for entry in snapshot.open.values()
        if entry.deal is None or not _serves(entry.deal, provider)
    ]
    deals = fetch_deals(session, snapshot.at, live_only=True, limit=None)
    for deal in reversed(deals):
        if len(contests) >= MOST:
            break
        if deal.live and Hash(deal.offer) not in snapshot.open and not _serves(deal, provider):
            contests += _won_by_others(session, deal)
    return tuple(contests[:MOST])


def _serves(deal: DealView, provider: Address) -> bool:
    return any(entry.provider == provider for entry in deal.live)


def _won_by_others(session: Session, deal: DealView) -> list[Contest]:
    """Look at the deal as it was before anybody had it."""
    try:
        stored = fetch_developer_offer(session, Hash(deal.offer))
    except NotFound:
        return []
    demand = replace(to_demand(stored, None), deal=deal.id)
    return [Contest(demand, max(entry.price for entry in deal.live))]
