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
from . import epochs
from . import ledger
from . import packing
from . import peers
from . import proving

uses: deals
uses: epochs
uses: ledger
uses: peers
uses: proving

NOT_PENDING: constant(uint256) = 20
NOT_ITS_WALLET: constant(uint256) = 21
UNFUNDED: constant(uint256) = 22
NO_SUCH: constant(uint256) = 30
ALIVE: constant(uint256) = 31
DEAD: constant(uint256) = 32
NOT_THE_DEVELOPER: constant(uint256) = 33
NO_FAULT: constant(uint256) = 34
NOTHING_TO_CLAIM: constant(uint256) = 40
NOTHING_FINAL: constant(uint256) = 41

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
def _activate(id: uint256, caller: address) -> uint256:
    """
    @dev Start billing. The share of the current epoch is put aside at once.
    @return The reason of refusal, or 0.
    """
    record: IRecords.Assignment = packing._unpack_assignment(self._assignments[id])
    if record.state != packing.PENDING:
        return NOT_PENDING
    epoch: uint256 = epochs._current()
    deal: IRecords.Deal = deals._load(record.deal, epoch)
    if not billing._is_alive(record.run, deal, epoch):
        return NOT_PENDING
    if not peers._is_keeper(record.peer, caller):
        return NOT_ITS_WALLET
    rate: uint256 = record.price * record.units
    skipped: uint256 = epochs._skipped()
    share: uint256 = billing._share(rate, skipped)
    if deal.balance < share + deal.rate + rate:
        return UNFUNDED
    deal.balance -= share
    deal.rate += rate
    deals._store(record.deal, deal)
    record.state = packing.ACTIVE
    record.start = epoch
    record.next = epoch
    record.skipped = skipped
    self._assignments[id] = packing._pack_assignment(record)
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
def _leave(id: uint256, caller: address, why: uint256) -> uint256:
    """
    @dev End an assignment for its peer: the epoch begun is refunded to the deal.
    @return The reason of refusal, or 0.
    """
    record: IRecords.Assignment = packing._unpack_assignment(self._assignments[id])
    if not billing._is_open(record.state):
        return NO_SUCH
    if not peers._is_keeper(record.peer, caller):
        return NOT_ITS_WALLET
    epoch: uint256 = epochs._current()
    deal: IRecords.Deal = deals._load(record.deal, epoch)
    if not billing._is_alive(record.run, deal, epoch):
        return DEAD
    self._end(id, record, deal, epoch, LEFT, why)
    return 0


@internal
def _drop(id: uint256, caller: address, why: uint256) -> uint256:
    """
    @dev End an assignment for the developer: the epoch begun is paid.
    @return The reason of refusal, or 0.
    """
    record: IRecords.Assignment = packing._unpack_assignment(self._assignments[id])
    if not billing._is_open(record.state):
        return NO_SUCH
    if deals.owner_of_deal[record.deal] != caller:
        return NOT_THE_DEVELOPER
    epoch: uint256 = epochs._current()
    deal: IRecords.Deal = deals._load(record.deal, epoch)
    if not billing._is_alive(record.run, deal, epoch):
        return DEAD
    self._end(id, record, deal, epoch, DROPPED, why)
    return 0


@internal
def _evict(id: uint256, caller: address) -> uint256:
    """
    @dev End an assignment whose peer did not answer or did not prove, and fine the peer.
    @return The reason of refusal, or 0.
    """
    record: IRecords.Assignment = packing._unpack_assignment(self._assignments[id])
    if not billing._is_open(record.state):
        return NO_SUCH
    epoch: uint256 = epochs._current()
    deal: IRecords.Deal = deals._load(record.deal, epoch)
    if not billing._is_alive(record.run, deal, epoch):
        return DEAD
    if not proving._is_fault(record, epoch):
        return NO_FAULT
    self._end(id, record, deal, epoch, EVICTED, 0)
    peers._fine(record.peer, record.units, caller)
    return 0


@internal
def _release(id: uint256) -> uint256:
    """
    @dev Give the units of a dead assignment back to its peer. Moves no money.
    @return The reason of refusal, or 0.
    """
    record: IRecords.Assignment = packing._unpack_assignment(self._assignments[id])
    if not billing._is_open(record.state):
        return NO_SUCH
    epoch: uint256 = epochs._current()
    deal: IRecords.Deal = deals._load(record.deal, epoch)
    if billing._is_alive(record.run, deal, epoch):
        return ALIVE
    self._end(id, record, deal, epoch, RELEASED, 0)
    return 0


@internal
def _claim(id: uint256) -> (uint256, address, uint256):
    """
    @dev Pay the final epochs: proven ones to the provider, the others back to the developer.
    @return The reason of refusal or 0, the provider, what it was paid.
    """
    word: uint256 = self._assignments[id]
    record: IRecords.Assignment = packing._unpack_assignment(word)
    end: uint256 = record.end
    epoch: uint256 = epochs._current()
    if record.state == packing.ACTIVE:
        end = deals._end_of(record.deal, record.run, epoch)
    elif record.state != packing.ENDED:
        return NOTHING_TO_CLAIM, empty(address), 0
    last: uint256 = 0
    paid: uint256 = 0
    refunded: uint256 = 0
    last, paid, refunded = proving._claimable(record, end, epoch)
    if last == 0:
        return NOTHING_FINAL, empty(address), 0

    if record.state == packing.ENDED and last == end:
        self._assignments[id] = 0
    else:
        self._assignments[id] = packing._advance_assignment(word, last + 1)
    provider: address = peers._provider(record.peer)
    if paid > 0:
        ledger._credit(provider, paid)
    if refunded > 0:
        ledger._credit(deals.owner_of_deal[record.deal], refunded)
    log IMarket.Claimed(
        assignment=id, provider=provider, last=last, paid=paid, refunded=refunded
    )
    return 0, provider, paid


@internal
def _end(
    id: uint256,
    assignment: IRecords.Assignment,
    settled: IRecords.Deal,
    epoch: uint256,
    kind: uint256,
    why: uint256,
):
    """
    @dev Return the units, fix the last paid epoch, and take what the deal no longer owes.
    @param id The assignment.
    @param assignment Its record, pending or active.
    @param settled Its deal.
    @param epoch The current epoch.
    @param kind LEFT, DROPPED or EVICTED if alive, RELEASED if dead.
    @param why What the caller says about it.
    """
    record: IRecords.Assignment = assignment
    deal: IRecords.Deal = settled
    is_active: bool = record.state == packing.ACTIVE
    if kind == RELEASED:
        if is_active:
            record.end = deals._end_of(record.deal, record.run, epoch)
    else:
        deal.units -= record.units
        if is_active:
            rate: uint256 = record.price * record.units
            deal.rate -= rate
            record.end = epoch
            if kind != DROPPED:
                deal.balance += (
                    billing._share(rate, record.skipped) if record.start == epoch else rate
                )
                record.end = epoch - 1
        deals._store(record.deal, deal)
    if is_active and record.end >= record.next:
        record.state = packing.ENDED
        self._assignments[id] = packing._pack_assignment(record)
    else:
        self._assignments[id] = 0
    peers._free(record.peer, record.units)
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
