# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Assignments
@license Apache-2.0
@notice The life of an assignment, from activation to the last claim or a conviction.
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
from . import reasons

uses: deals
uses: ledger
uses: peers
uses: proving

LEFT: constant(uint256) = 1
DROPPED: constant(uint256) = 2
EVICTED: constant(uint256) = 3
RELEASED: constant(uint256) = 4
CONVICTED: constant(uint256) = 5

_assignments: HashMap[uint256, uint256]


@external
@view
def assignment_word(assignment: uint256) -> uint256:
    """
    @notice Read the packed record of an assignment.
    @param assignment The assignment.
    @return Deal 32 bits, peer 32, units 16, price 48, start 32, next 32, end 32, skipped 16,
            run 8, state 8; zero once nothing is left to claim, the units are back and the time to
            convict is over. Metered or closed: next and skipped hold what was paid.
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
    @dev Start serving. In a reserved deal the share of the current epoch is put aside at once; if
         the deal cannot pay that, the assignment ends as if the peer had rejected it.
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
    missed: uint256 = 0
    if deal.metered:
        self._assignments[id] = packing._meter_assignment(word, epoch)
    else:
        rate: uint256 = record.price * record.units
        share: uint256 = billing._share(rate, skipped)
        if deal.balance < share + deal.rate + rate:
            self._end(id, caller, epoch, LEFT, reasons.UNFUNDED)
            return reasons.UNFUNDED
        deal.balance -= share
        deal.rate += rate
        deals._store(record.deal, packing._pack_deal(deal))
        self._assignments[id] = packing._start_assignment(word, epoch, skipped)
        missed = skipped
    log IMarket.Activated(
        assignment=id,
        deal=record.deal,
        epoch=epoch,
        skipped=missed,
        balance=deal.balance,
        rate=deal.rate,
    )
    return 0


@internal
def _end(id: uint256, caller: address, epoch: uint256, kind: uint256, why: uint256) -> uint256:
    """
    @dev End an assignment: return its units, fix its last epoch, take off the deal what it no
         longer owes. The epoch begun is refunded to the deal if the peer left or failed, paid if
         the developer dropped it; a dead assignment only gives its units back. Of a metered deal
         no money moves, and the epoch begun is the last one.
    @param id The assignment.
    @param caller Who asks.
    @param epoch The current epoch.
    @param kind LEFT, DROPPED, EVICTED, RELEASED, or CONVICTED.
    @param why What the caller says about it.
    @return The reason of refusal, or 0.
    """
    record: IRecords.Assignment = packing._unpack_assignment(self._assignments[id])
    if not billing._is_open(record.state):
        return reasons.ENDED
    if kind == LEFT and not peers._is_keeper(record.peer, caller):
        return reasons.NOT_WALLET
    if kind == DROPPED and deals.owner_of_deal[record.deal] != caller:
        return reasons.NOT_DEVELOPER
    is_started: bool = record.state != packing.PENDING
    is_fault: bool = False
    deal: IRecords.Deal = deals._load(record.deal, epoch)
    if billing._is_alive(record.run, deal, epoch):
        if kind == RELEASED:
            return reasons.ALIVE
        # A short peer can be sent away at any time, for nothing.
        if kind == EVICTED and not peers._is_short(record.peer):
            if not proving._is_fault(record, epoch):
                return reasons.NO_FAULT
            is_fault = True
        deal.units -= record.units
        if is_started:
            record.end = epoch
        if record.state == packing.ACTIVE:
            rate: uint256 = record.price * record.units
            deal.rate -= rate
            if kind != DROPPED:
                record.end = epoch - 1
                if record.start == epoch:
                    rate = billing._share(rate, record.skipped)
                deal.balance += rate
        deals._store(record.deal, packing._pack_deal(deal))
    else:
        if kind != RELEASED and kind != CONVICTED:
            return reasons.DEAD
        if is_started:
            record.end = deals._end_of(record.deal, record.run, deal)
    if is_started and record.end >= record.start or kind == CONVICTED:
        record.state = packing.CLOSED if deal.metered else packing.ENDED
        self._assignments[id] = packing._pack_assignment(record)
    else:
        self._assignments[id] = 0
    peers._give_back(record.peer, record.units, is_fault, caller)
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
    return 0


@internal
def _claim(id: uint256, epoch: uint256) -> (uint256, address, uint256):
    """
    @dev Pay the final epochs: proven ones to the provider, the others back to the developer. An
         ended record that is claimed to its end is cleared when it can no longer be convicted.
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
    next: uint256 = record.next if last == 0 else last + 1
    if record.state == packing.ENDED and next > end and epoch > end + epochs.HOLD:
        self._assignments[id] = 0
    elif last != 0:
        self._assignments[id] = packing._advance_assignment(word, next)
    if last == 0:
        return reasons.NOTHING_FINAL, empty(address), 0

    provider: address = peers._provider(record.peer)
    if paid > 0:
        ledger._credit(provider, paid)
    if refunded > 0:
        ledger._credit(deals.owner_of_deal[record.deal], refunded)
    log IMarket.Claimed(assignment=id, provider=provider, last=last, paid=paid, refunded=refunded)
    return 0, provider, paid


@internal
@view
def _meter_of(id: uint256) -> address:
    """
    @dev Who signs the usage of an assignment; zero if it is not of a metered deal or not started.
    """
    record: IRecords.Assignment = self._load(id)
    if record.state in [packing.METERED, packing.CLOSED]:
        return deals._meters[record.deal]
    return empty(address)


@internal
def _pay(id: uint256, work: uint256, epoch: uint256) -> (uint256, uint256, uint256, uint256):
    """
    @dev Pay what is due for all work of a metered assignment beyond what was paid, as far as the
         balance goes; the rest stays owed.
    @param id The assignment, metered or closed.
    @param work All its work so far, below 2^96.
    @param epoch The current epoch.
    @return Paid now, owed still, the balance of the deal, the deal.
    """
    word: uint256 = self._assignments[id]
    record: IRecords.Assignment = packing._unpack_assignment(word)
    deal: IRecords.Deal = deals._load(record.deal, epoch)
    before: uint256 = packing._paid(record)
    due: uint256 = max(billing._due(record.price, work), before)
    paid: uint256 = min(due - before, deal.balance)
    if paid > 0:
        deal.balance -= paid
        deals._store(record.deal, packing._pack_deal(deal))
        self._assignments[id] = packing._pay_assignment(word, before + paid)
        ledger._credit(peers._provider(record.peer), paid)
    return paid, due - before - paid, deal.balance, record.deal


@internal
def _convict(id: uint256, epoch: uint256, to: address) -> (uint256, address, address):
    """
    @dev End an assignment for a proven lie: what it could still claim goes to the developer, the
         bond of its units is seized, its record cleared.
    @param id The assignment; nothing happens if it never started or is gone.
    @param epoch The current epoch.
    @param to Who receives the bond.
    @return FLT that was seized, the provider, the developer of the deal.
    """
    record: IRecords.Assignment = self._load(id)
    if record.state <= packing.PENDING:
        return 0, empty(address), empty(address)
    if billing._is_open(record.state):
        self._end(id, empty(address), epoch, CONVICTED, 0)
        record = self._load(id)
    provider: address = peers._provider(record.peer)
    developer: address = deals.owner_of_deal[record.deal]
    if record.state == packing.ENDED:
        refunded: uint256 = billing._put_aside(record)
        if refunded > 0:
            ledger._credit(developer, refunded)
        log IMarket.Claimed(
            assignment=id, provider=provider, last=record.end, paid=0, refunded=refunded
        )
    self._assignments[id] = 0
    return peers._seize(record.peer, record.units, to), provider, developer
