"""Find absent peers of served deals, so that their units can be given to others.

Anyone may evict a peer that did not activate or does not prove; whoever does gets the fault fee.
"""

from collections.abc import Iterable, Iterator

from chain.contracts import MarketLens
from kernel.deployment import Parameters
from kernel.errors import NotFound
from kernel.units import Address, Hash
from matcher.snapshot import is_for
from store.database import Session
from store.deals import fetch_deals
from store.offers import fetch_developer_offer
from store.peers import fetch_peers
from store.views import AssignmentView, Indexed
from store.words import AssignmentState

MAX_IDS = 64
PAGE = 500


def find_absent(
    session: Session, at: Indexed, matcher: Address, parameters: Parameters
) -> tuple[int, ...]:
    """Return assignments of this matcher's deals whose peer seems absent as of `at`, by id."""
    suspects: list[AssignmentView] = []
    after = 0
    while deals := fetch_deals(session, at, live_only=True, after=after, limit=PAGE):
        after = deals[-1].id
        for deal in deals:
            late = [a for a in deal.live if _may_be_absent(a, at, parameters)]
            if late and _is_served(session, Hash(deal.offer), matcher):
                suspects += late
    proven = _proven_epochs(session, suspects)
    silent_since = at.final_epoch + 1 - parameters.max_missed
    return tuple(
        sorted(
            entry.id
            for entry in suspects
            if entry.state == AssignmentState.PENDING or proven.get(entry.peer, -1) < silent_since
        )
    )


def confirm_absent(lens: MarketLens, ids: Iterable[int]) -> Iterator[tuple[int, ...]]:
    """Yield those that the chain would let anybody evict now, in batches for one call each."""
    listed = list(ids)
    for first in range(0, len(listed), MAX_IDS):
        batch = listed[first : first + MAX_IDS]
        evictable = lens.evictable(batch)
        chosen = tuple(id_ for id_, yes in zip(batch, evictable, strict=True) if yes)
        if chosen:
            yield chosen


def _may_be_absent(entry: AssignmentView, at: Indexed, parameters: Parameters) -> bool:
    if entry.state == AssignmentState.PENDING:
        return at.timestamp > entry.assigned_at + parameters.accept_seconds
    # The contract's words: start <= E - W - MAX_MISSED, and E - W - 1 is the last final epoch.
    return entry.start is not None and entry.start <= at.final_epoch + 1 - parameters.max_missed


def _is_served(session: Session, offer: Hash, matcher: Address) -> bool:
    try:
        return is_for(fetch_developer_offer(session, offer), matcher)
    except NotFound:
        return False


def _proven_epochs(session: Session, suspects: list[AssignmentView]) -> dict[int, int]:
    ids = sorted({entry.peer for entry in suspects})
    peers = fetch_peers(session, ids=ids, limit=None) if ids else []
    return {peer.id: -1 if peer.proven is None else peer.proven for peer in peers}
