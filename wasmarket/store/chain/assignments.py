"""Read assignments, alive or not, and what a claim of each would give."""

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import Select, and_, func, not_, select, text
from sqlalchemy.orm import Session

from wasmarket.kernel.addresses import ZERO_ADDRESS
from wasmarket.kernel.billing import DealTerms, Settlement, settle, share
from wasmarket.kernel.errors import NotFound
from wasmarket.kernel.units import Address
from wasmarket.store.chain.state import BATCH
from wasmarket.store.enums import AssignmentState
from wasmarket.store.tables import AssignmentRow, CommitmentRow, DealRow, PeerRow, RunEndRow
from wasmarket.store.views import AssignmentView, Indexed

OPEN = (AssignmentState.PENDING, AssignmentState.ACTIVE, AssignmentState.METERED)
IS_OPEN = text("assignment.state IN ('pending', 'active', 'metered')")
"""The same, as the index of open assignments has it: a parameter would hide it."""
IS_NOT_STOPPED = text("NOT deal.stopped")
"""As the index of open deals has it."""

MAX_CLAIM = 1_024

MANY_PEERS = 500
"""Of one provider: from here on it has a share of what is open that is worth a look at it."""

TERMS = (
    DealRow.id,
    DealRow.meter,
    DealRow.balance,
    DealRow.rate,
    DealRow.settled,
    DealRow.end,
    DealRow.units,
    DealRow.run,
    DealRow.stopped,
)
"""What settling a deal goes by; a row of all columns takes ten times as long to make."""


def fetch_assignment(session: Session, at: Indexed, assignment: int) -> AssignmentView:
    """Return one assignment. Raises NotFound."""
    found = fetch_chosen(
        session, at, select(AssignmentRow, PeerRow).where(AssignmentRow.id == assignment)
    )
    if not found:
        raise NotFound(
            f"there is no assignment {assignment}",
            field="assignment",
            remedy="take a number of the deal's assignments",
        )
    return found[0]


def fetch_assignments(
    session: Session,
    at: Indexed,
    *,
    deal: int | None = None,
    peer: int | None = None,
    provider: Address | None = None,
    alive_only: bool = False,
    after: int = 0,
    limit: int | None = 100,
    newest: bool = False,
) -> list[AssignmentView]:
    """Return assignments by id, or the `newest` first.

    `alive_only` may give fewer than `limit`, never skips any.
    """
    order = AssignmentRow.id.desc() if newest else AssignmentRow.id
    query = select(AssignmentRow, PeerRow).where(AssignmentRow.id > after).order_by(order)
    if deal is not None:
        query = query.where(AssignmentRow.deal == deal)
    if peer is not None:
        query = query.where(AssignmentRow.peer == peer)
    if provider is not None:
        # What is open is read in its order: a page of it soon has enough of a large provider's.
        is_large = alive_only and _has_many_peers(session, provider)
        owner = PeerRow.provider.concat("") if is_large else PeerRow.provider
        query = query.where(owner == provider)
    if not alive_only:
        return fetch_chosen(session, at, query.limit(limit))
    query = query.join(DealRow, DealRow.id == AssignmentRow.deal).where(
        IS_OPEN,
        AssignmentRow.run == DealRow.run,
        DealRow.stopped.is_(False),
        DealRow.end >= at.epoch,
    )
    alive: list[AssignmentView] = []
    # A deal may have lapsed without an event yet: the rest of "alive" is known once it is settled.
    while limit is None or len(alive) < limit:
        step = None if limit is None else limit - len(alive)
        found = fetch_chosen(session, at, query.limit(step))
        alive += [view for view in found if view.alive]
        if step is None or len(found) < step:
            break
        query = query.where(AssignmentRow.id > found[-1].id)
    return alive


def _has_many_peers(session: Session, provider: Address) -> bool:
    own = select(PeerRow.id).where(PeerRow.provider == provider)
    return session.scalar(own.order_by(PeerRow.id).offset(MANY_PEERS).limit(1)) is not None


def alive_of_deals(
    session: Session, at: Indexed, deals: Iterable[int]
) -> dict[int, list[AssignmentView]]:
    """Return the alive assignments of each deal, by id."""
    wanted = sorted(set(deals))
    alive: dict[int, list[AssignmentView]] = {deal: [] for deal in wanted}
    for start in range(0, len(wanted), BATCH):
        query = (
            select(AssignmentRow, PeerRow)
            .where(
                AssignmentRow.deal.in_(wanted[start : start + BATCH]), AssignmentRow.state.in_(OPEN)
            )
            .order_by(AssignmentRow.id)
        )
        for view in fetch_chosen(session, at, query):
            if view.alive:
                alive[view.deal].append(view)
    return alive


def fetch_alive_units(
    session: Session, at: Indexed, providers: Sequence[Address]
) -> dict[Address, int]:
    """Return how many units of each provider are in deals now."""
    # As `settle` has it: who cannot pay for the epochs begun by now has lapsed.
    begun = at.epoch - DealRow.settled
    lapsed = and_(DealRow.rate > 0, begun > 0, DealRow.balance // DealRow.rate < begun)
    query = (
        select(PeerRow.provider, func.sum(AssignmentRow.units))
        .join(PeerRow, PeerRow.id == AssignmentRow.peer)
        .join(DealRow, DealRow.id == AssignmentRow.deal)
        .where(
            PeerRow.provider.in_(providers),
            IS_OPEN,
            AssignmentRow.run == DealRow.run,
            IS_NOT_STOPPED,
            DealRow.end >= at.epoch,
            not_(lapsed),
        )
        .group_by(PeerRow.provider)
    )
    units = dict.fromkeys(providers, 0)
    for provider, count in session.execute(query):
        units[provider] = int(count)
    return units


def fetch_claimable(
    session: Session, at: Indexed, assignments: Iterable[int]
) -> dict[int, tuple[int, int]]:
    """Return what a claim of each would pay and refund now, USDC base units (CONTRACTS 5)."""
    wanted = sorted(set(assignments))
    claimable = dict.fromkeys(wanted, (0, 0))
    for start in range(0, len(wanted), BATCH):
        query = select(AssignmentRow, PeerRow).where(
            AssignmentRow.id.in_(wanted[start : start + BATCH])
        )
        for view in fetch_chosen(session, at, query):
            claimable[view.id] = _claimable(session, at, view)
    return claimable


def _claimable(session: Session, at: Indexed, view: AssignmentView) -> tuple[int, int]:
    if view.next is None or view.end_of is None or view.state == AssignmentState.CLEARED:
        return 0, 0
    last = min(view.end_of, at.final_epoch, view.next + MAX_CLAIM - 1)
    epochs = last + 1 - view.next
    if epochs <= 0:
        return 0, 0
    query = select(CommitmentRow.epoch).where(
        CommitmentRow.peer == view.peer, CommitmentRow.epoch.between(view.next, last)
    )
    proven = set(session.scalars(query))
    rate = view.price * view.units
    # The epoch of activation is paid in part; on chain `skipped` is 0 once it is claimed.
    missed = rate - share(rate, view.skipped) if view.next == view.start else 0
    paid = rate * len(proven) - (missed if view.next in proven else 0)
    return paid, rate * epochs - missed - paid


def fetch_chosen(
    session: Session, at: Indexed, query: Select[AssignmentRow, PeerRow]
) -> list[AssignmentView]:
    """Return what a query of assignments and their peers chose."""
    pairs = session.execute(query.join(PeerRow, PeerRow.id == AssignmentRow.peer)).all()
    deals = fetch_settled(session, at, {assignment.deal for assignment, _ in pairs})
    runs = fetch_run_ends(session, deals)
    return [_view(row, peer, deals[row.deal], runs, at) for row, peer in pairs]


def fetch_settled(session: Session, at: Indexed, deals: Iterable[int]) -> dict[int, Settlement]:
    """Return the terms of deals, settled as of `at`."""
    wanted = sorted(set(deals))
    settled: dict[int, Settlement] = {}
    for start in range(0, len(wanted), BATCH):
        query = select(*TERMS).where(DealRow.id.in_(wanted[start : start + BATCH]))
        for row in session.execute(query):
            terms = DealTerms(*row[2:], row.meter != ZERO_ADDRESS)
            settled[row.id] = settle(terms, at.epoch)
    return settled


def fetch_run_ends(session: Session, deals: Mapping[int, Settlement]) -> dict[tuple[int, int], int]:
    """Return the last funded epoch of each (deal, run) that lapsed, stored or only settled here."""
    lapsed = sorted(deal for deal, settlement in deals.items() if settlement.terms.run > 0)
    ends: dict[tuple[int, int], int] = {}
    for start in range(0, len(lapsed), BATCH):
        query = select(RunEndRow.deal, RunEndRow.run, RunEndRow.last).where(
            RunEndRow.deal.in_(lapsed[start : start + BATCH])
        )
        ends.update(((deal, run), last) for deal, run, last in session.execute(query))
    for deal in lapsed:
        settlement = deals[deal]
        if settlement.lapsed_at is not None:
            ends[deal, settlement.terms.run - 1] = settlement.lapsed_at
    return ends


def terms_of(deal: DealRow) -> DealTerms:
    """Return the billing half of a deal's row."""
    return DealTerms(
        deal.balance,
        deal.rate,
        deal.settled,
        deal.end,
        deal.units,
        deal.run,
        deal.stopped,
        deal.meter != ZERO_ADDRESS,
    )


def _is_alive(terms: DealTerms, run: int, at: Indexed) -> bool:
    """Say whether what is open in that run of a deal still holds its units."""
    return run == terms.run and not terms.stopped and at.epoch <= terms.end


def _view(
    row: AssignmentRow,
    peer: PeerRow,
    deal: Settlement,
    runs: Mapping[tuple[int, int], int],
    at: Indexed,
) -> AssignmentView:
    state = AssignmentState(row.state)
    terms = deal.terms
    is_open = state in OPEN
    end_of: int | None = None
    if not is_open:
        end_of = row.end
    elif row.start is not None:
        end_of = runs[row.deal, row.run] if row.run < terms.run else terms.end
    return AssignmentView(
        id=row.id,
        deal=row.deal,
        peer=row.peer,
        units=row.units,
        price=row.price,
        offer=row.offer,
        run=row.run,
        state=state,
        alive=is_open and _is_alive(terms, row.run, at),
        assigned_block=row.assigned_block,
        assigned_at=row.assigned_at,
        tx_hash=row.tx_hash,
        start=row.start,
        next=row.next,
        end_of=end_of,
        skipped=row.skipped,
        ended_at=row.ended_at,
        ended_kind=row.ended_kind,
        why=row.why,
        paid=row.paid,
        refunded=row.refunded,
        work=row.work,
        convicted=row.convicted,
        provider=peer.provider,
        endpoint=peer.endpoint,
        key=peer.key,
        wallet=peer.wallet,
        region=peer.region,
        memory_mib=peer.memory_mib,
    )
