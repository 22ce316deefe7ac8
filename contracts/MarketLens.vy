# pragma version 0.4.3
# pragma optimize codesize
# pragma nonreentrancy on
"""
@title MarketLens
@license Apache-2.0
@notice Reads the records of Market as of now: settled, with status, runway and what a claim pays.
@dev Uses the same pure modules as Market, so that the two cannot disagree.
@custom:kill Nothing to switch off: it only reads.
"""

from .interfaces import IMarket
from .interfaces import IMarketLens
from .interfaces import IRecords
from .modules import billing
from .modules import checks
from .modules import epochs
from .modules import offers
from .modules import packing
from .modules import proving
from .modules import records

initializes: epochs
initializes: proving[epochs := epochs]
initializes: records

exports: (
    records.MARKET,
    records.assignment_count,
    records.counter,
    records.deal_count,
    records.free,
    records.peer_count,
)

MAX_IDS: constant(uint256) = 64
WORK_BITS: constant(uint256) = 96

WAITING: constant(uint256) = 1
RUNNING: constant(uint256) = 2
LAPSED: constant(uint256) = 3
STOPPING: constant(uint256) = 4
ENDED: constant(uint256) = 5


@deploy
def __init__(market: address):
    """
    @notice Fix the market for ever.
    @param market The Market to read.
    """
    records.__init__(market)
    epochs.__init__(
        staticcall records.MARKET.EPOCH_SECONDS(), staticcall records.MARKET.PROOF_WINDOW()
    )
    proofs: address = (staticcall records.MARKET.PROOFS()).address
    proving.__init__(
        proofs,
        staticcall records.MARKET.ACCEPT_SECONDS(),
        staticcall records.MARKET.ACCEPT_BLOCKS(),
        staticcall records.MARKET.MAX_MISSED(),
    )


@external
@view
def deal(deal: uint256) -> IMarketLens.DealView:
    """
    @notice Read a deal as of now.
    @param deal The deal.
    @return Its record after settling, its status, its runway in epochs after the current one
            (0 unless running) and its last funded epoch (0 while waiting, its end once it
            is stopping or ended). A metered deal has no runway and no last funded epoch.
    """
    epoch: uint256 = epochs._current()
    record: IRecords.Deal = empty(IRecords.Deal)
    lapsed: uint256 = 0
    record, lapsed = records._deal(deal, epoch)
    shown: IMarketLens.DealView = IMarketLens.DealView(
        developer=staticcall records.MARKET.owner_of_deal(deal),
        balance=record.balance,
        rate=record.rate,
        settled=record.settled,
        end=record.end,
        units=record.units,
        run=record.run,
        stopped=record.stopped,
        status=WAITING,
        runway=0,
        last_funded=0,
    )
    if record.end == 0:
        shown.status = 0
    elif epoch > record.end:
        shown.status = ENDED
        shown.last_funded = record.end
    elif record.stopped:
        shown.status = STOPPING
        shown.last_funded = record.end
    elif record.metered:
        if record.units > 0:
            shown.status = RUNNING if record.balance > 0 else LAPSED
    elif record.rate > 0:
        shown.status = RUNNING
        # Rounds down: an epoch is funded whole or not at all.
        shown.runway = record.balance // record.rate
        shown.last_funded = min(record.end, epoch + shown.runway)
    elif record.run > 0 and record.units == 0:
        shown.status = LAPSED
        shown.last_funded = records._run_end(deal, record.run - 1, lapsed)
    if record.metered:
        shown.last_funded = 0
    return shown


@external
@view
def assignment(assignment: uint256) -> IMarketLens.AssignmentView:
    """
    @notice Read an assignment as of now.
    @param assignment The assignment.
    @return Its record, whether it is alive, the last epoch of its service, and what one claim
            would pay and refund now. `next` of a metered one is what it was paid so far, and of a
            pending one the block of its match.
    """
    epoch: uint256 = epochs._current()
    record: IRecords.Assignment = records._assignment(assignment)
    shown: IMarketLens.AssignmentView = IMarketLens.AssignmentView(
        deal=record.deal,
        peer=record.peer,
        units=record.units,
        price=record.price,
        start=record.start,
        next=record.next,
        state=record.state,
        alive=False,
        end_of=0,
        paid=0,
        refund=0,
    )
    if record.state != 0:
        settled: IRecords.Deal = empty(IRecords.Deal)
        lapsed: uint256 = 0
        settled, lapsed = records._deal(record.deal, epoch)
        shown.alive = billing._is_open(record.state) and billing._is_alive(
            record.run, settled, epoch
        )
        shown.end_of = records._end_of(record, settled, lapsed)
        if record.state in [packing.ACTIVE, packing.ENDED]:
            last: uint256 = 0
            last, shown.paid, shown.refund = proving._claimable(record, shown.end_of, epoch)
        elif record.state != packing.PENDING:
            shown.next = packing._paid(record)
    return shown


@external
@view
def peer(peer: uint256) -> IMarketLens.PeerView:
    """
    @notice Read a peer.
    @param peer The peer.
    @return Its record; `used` counts pending, active and dead unreleased assignments.
    """
    record: IRecords.Peer = records._peer(peer)
    extra: IRecords.PeerExtra = records._extra(peer)
    return IMarketLens.PeerView(
        provider=record.provider,
        units=record.units,
        used=record.used,
        memory_mib=record.memory_mib,
        region=record.region,
        wallet=extra.wallet,
        traits=extra.traits,
    )


@external
@view
def claimable(ids: DynArray[uint256, MAX_IDS]) -> DynArray[IMarketLens.Claimable, MAX_IDS]:
    """
    @notice Read what one claim of each assignment would pay and refund now.
    @param ids Any assignments.
    @return Pay of the provider and refund of the developer, in the same order.
    """
    epoch: uint256 = epochs._current()
    answers: DynArray[IMarketLens.Claimable, MAX_IDS] = []
    for id: uint256 in ids:
        record: IRecords.Assignment = records._assignment(id)
        last: uint256 = 0
        paid: uint256 = 0
        refund: uint256 = 0
        if record.state == packing.ACTIVE or record.state == packing.ENDED:
            settled: IRecords.Deal = empty(IRecords.Deal)
            lapsed: uint256 = 0
            settled, lapsed = records._deal(record.deal, epoch)
            end: uint256 = records._end_of(record, settled, lapsed)
            last, paid, refund = proving._claimable(record, end, epoch)
        answers.append(IMarketLens.Claimable(paid=paid, refund=refund))
    return answers


@external
@view
def evictable(ids: DynArray[uint256, MAX_IDS]) -> DynArray[bool, MAX_IDS]:
    """
    @notice Read which assignments `evict` would end now.
    @param ids Any assignments.
    @return One answer for each, in the same order.
    """
    epoch: uint256 = epochs._current()
    answers: DynArray[bool, MAX_IDS] = []
    for id: uint256 in ids:
        record: IRecords.Assignment = records._assignment(id)
        settled: IRecords.Deal = empty(IRecords.Deal)
        lapsed: uint256 = 0
        settled, lapsed = records._deal(record.deal, epoch)
        is_alive: bool = billing._is_open(record.state) and billing._is_alive(
            record.run, settled, epoch
        )
        answers.append(
            is_alive and (records._is_short(record.peer) or proving._is_fault(record, epoch))
        )
    return answers


@external
@view
def redeemable(assignment: uint256, work: uint256) -> (uint256, uint256):
    """
    @notice Read what a voucher would pay now.
    @param assignment The assignment.
    @param work All its work so far; the signature is not asked for.
    @return Pay of the provider, and what would stay owed; zeros if it is not metered.
    """
    record: IRecords.Assignment = records._assignment(assignment)
    if record.state not in [packing.METERED, packing.CLOSED] or work >> WORK_BITS != 0:
        return 0, 0
    settled: IRecords.Deal = empty(IRecords.Deal)
    lapsed: uint256 = 0
    settled, lapsed = records._deal(record.deal, epochs._current())
    paid: uint256 = packing._paid(record)
    due: uint256 = max(billing._due(record.price, work), paid) - paid
    amount: uint256 = min(due, settled.balance)
    return amount, due - amount


@external
@view
def why(
    offer: IMarket.DeveloperOffer, fill: IMarket.Fill, current: DynArray[uint256, MAX_IDS]
) -> uint256:
    """
    @notice Read the reason that `match` would report for a fill, if it were the first one.
    @param offer The developer offer; its own validity is not checked.
    @param fill The fill.
    @param current All live assignments of the deal, ascending, as for `match`.
    @return The number of the reason, 0 if the fill would be accepted.
    """
    epoch: uint256 = epochs._current()
    state: IRecords.OfferState = records._offer(
        offer.developer, offers._developer_offer_hash(offer)
    )
    settled: IRecords.Deal = IRecords.Deal(
        balance=offer.deposit,
        rate=0,
        settled=epoch,
        end=epoch,
        units=0,
        run=0,
        stopped=False,
        metered=offer.meter != empty(address),
    )
    lapsed: uint256 = 0
    if state.deal != 0:
        settled, lapsed = records._deal(state.deal, epoch)
    ask: IRecords.Ask = self._ask(fill)
    room: IRecords.Room = IRecords.Room(balance=settled.balance, committed=0, units=0, live=0)
    last: uint256 = 0
    for id: uint256 in current:
        assert id > last, "lens: current not ascending"
        last = id
        live: IRecords.Assignment = records._assignment(id)
        if (
            live.deal == state.deal
            and billing._is_open(live.state)
            and billing._is_alive(live.run, settled, epoch)
        ):
            room.committed += live.price * live.units
            room.units += live.units
            room.live += 1
            if records._peer(live.peer).provider == ask.peer.provider:
                ask.taken += live.units
    assert room.units == settled.units, "lens: current incomplete"

    reason: uint256 = 0
    units: uint256 = 0
    reason, units = checks._check_fill(
        offer, fill, ask, room, staticcall records.MARKET.domain_separator()
    )
    return reason


@internal
@view
def _ask(fill: IMarket.Fill) -> IRecords.Ask:
    """
    @dev Read what the chain says about the other side of a fill; `taken` is left at 0.
    """
    record: IRecords.Peer = records._peer(fill.peer)
    hash: bytes32 = offers._provider_offer_hash(fill)
    state: IRecords.OfferState = records._offer(record.provider, hash)
    return IRecords.Ask(
        peer=record,
        traits=records._extra(fill.peer).traits,
        counter=packing._unpack_account(staticcall records.MARKET.account_word(record.provider))[1],
        approved=state.approved,
        cancelled=state.cancelled,
        taken=0,
        hash=hash,
    )
