# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Assignments
@license Apache-2.0
@notice The life of an assignment, from activation to the last claim.
@dev Each function handles one id, loads every record it touches afresh and answers with a number
     instead of a revert, so that a batch never fails for one of its ids.
"""

from ..interfaces import IMarket
from ..interfaces import IRecords
from . import billing
from . import deals
from . import ledger
from . import packing
from . import peers
from . import proving
from . import reasons

uses: deals
uses: ledger
uses: peers
uses: proving

LEFT: constant(uint256) = 1
DROPPED: constant(uint256) = 2
EVICTED: constant(uint256) = 3
RELEASED: constant(uint256) = 4

_assignments: HashMap[uint256, uint256]


@external
@view
def assignment_word(assignment: uint256) -> uint256:
    """
    @notice Read the packed record of an assignment.
    @param assignment The assignment.
    @return Deal 32 bits, peer 32, units 16, price 48, start 32, next 32, end 32, skipped 16,
            run 8, state 8; zero once nothing is left to claim and the units are back.
    """
    return self._assignments[assignment]


@internal
@view
def _load(id: uint256) -> IRecords.Assignment:
    return packing._unpack_assignment(self._assignments[id])


@internal
def _store(id: uint256, record: IRecords.Assignment):
    self._assignments[id] = packing._pack_assignment(record)


@internal
def _activate(id: uint256, caller: address, epoch: uint256, skipped: uint256) -> uint256:
    """
    @dev Start billing. The share of the current epoch is put aside at once.
    @param id The assignment.
    @param caller Who asks.
    @param epoch The current epoch.
    @param skipped Part of it that has passed.
    @return The reason of refusal, or 0.
    """
    word: uint256 = self._assignments[id]
    record: IRecords.Assignment = packing._unpack_assignment(word)
    if record.state != packing.PENDING:
        return reasons.NOT_PENDING
    deal: IRecords.Deal = deals._load(record.deal, epoch)
    if not billing._is_alive(record.run, deal, epoch):
        return reasons.NOT_PENDING
    if not peers._is_keeper(record.peer, caller):
        return reasons.NOT_WALLET
    rate: uint256 = record.price * record.units
    share: uint256 = billing._share(rate, skipped)
    if deal.balance < share + deal.rate + rate:
        return reasons.UNFUNDED
    deal.balance -= share
    deal.rate += rate
    deals._store(record.deal, packing._pack_deal(deal))
    self._assignments[id] = packing._start_assignment(word, epoch, skipped)
    log IMarket.Activated(
        assignment=id,
        deal=record.deal,
        epoch=epoch,
        skipped=skipped,
        balance=deal.balance,
        rate=deal.rate,
    )
    return 0


@internal
def _end(id: uint256, caller: address, epoch: uint256, kind: uint256, why: uint256) -> uint256:
    """
    @dev End an assignment: return its units, fix its last paid epoch, take off the deal what it
         no longer owes. The epoch begun is refunded to the deal if the peer left or failed, paid
         if the developer dropped it; a dead assignment only gives its units back.
    @param id The assignment.
    @param caller Who asks.
    @param epoch The current epoch.
    @param kind LEFT, DROPPED, EVICTED, or RELEASED.
    @param why What the caller says about it.
    @return The reason of refusal, or 0.
    """
    record: IRecords.Assignment = packing._unpack_assignment(self._assignments[id])
    is_active: bool = record.state == packing.ACTIVE
    if not is_active and record.state != packing.PENDING:
        return reasons.ENDED
    if kind == LEFT and not peers._is_keeper(record.peer, caller):
        return reasons.NOT_WALLET
    if kind == DROPPED and deals.owner_of_deal[record.deal] != caller:
        return reasons.NOT_DEVELOPER
    deal: IRecords.Deal = deals._load(record.deal, epoch)
    if billing._is_alive(record.run, deal, epoch):
        if kind == RELEASED:
            return reasons.ALIVE
        if kind == EVICTED and not proving._is_fault(record, epoch):
            return reasons.NO_FAULT
        deal.units -= record.units
        if is_active:
            rate: uint256 = record.price * record.units
            deal.rate -= rate
            record.end = epoch
            if kind != DROPPED:
                record.end = epoch - 1
                if record.start == epoch:
                    rate = billing._share(rate, record.skipped)
                deal.balance += rate
        deals._store(record.deal, packing._pack_deal(deal))
    else:
        if kind != RELEASED:
            return reasons.DEAD
        if is_active:
            record.end = deals._end_of(record.deal, record.run, deal)
    if is_active and record.end >= record.next:
        record.state = packing.ENDED
        self._assignments[id] = packing._pack_assignment(record)
    else:
        self._assignments[id] = 0
    peers._give_back(record.peer, record.units, kind == EVICTED)
    log IMarket.Ended(
        assignment=id,
        deal=record.deal,
        peer=record.peer,
        end=record.end,
        kind=kind,
        why=why,
        balance=deal.balance,
        rate=deal.rate,
    )
    if kind == EVICTED:
        peers._fine(record.peer, record.units, caller)
    return 0


@internal
def _claim(id: uint256, epoch: uint256) -> (uint256, address, uint256):
    """
    @dev Pay the final epochs: proven ones to the provider, the others back to the developer.
    @return The reason of refusal or 0, the provider, what it was paid.
    """
    word: uint256 = self._assignments[id]
    record: IRecords.Assignment = packing._unpack_assignment(word)
    end: uint256 = record.end
    if record.state == packing.ACTIVE:
        end = deals._end_of(record.deal, record.run, deals._load(record.deal, epoch))
    elif record.state != packing.ENDED:
        return reasons.NOTHING_TO_CLAIM, empty(address), 0
    last: uint256 = 0
    paid: uint256 = 0
    refunded: uint256 = 0
    last, paid, refunded = proving._claimable(record, end, epoch)
    if last == 0:
        return reasons.NOTHING_FINAL, empty(address), 0

    if record.state == packing.ENDED and last == end:
        self._assignments[id] = 0
    else:
        self._assignments[id] = packing._advance_assignment(word, last + 1)
    provider: address = peers._provider(record.peer)
    if paid > 0:
        ledger._credit(provider, paid)
    if refunded > 0:
        ledger._credit(deals.owner_of_deal[record.deal], refunded)
    log IMarket.Claimed(assignment=id, provider=provider, last=last, paid=paid, refunded=refunded)
    return 0, provider, paid
