# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Deals
@license Apache-2.0
@notice The deals, their developers, their meters and the ends of their lapsed runs.
@dev Every load settles. Storing may wait as long as settling moved only balance and time;
     a lapse is stored at once.
"""

from ..interfaces import IMarket
from ..interfaces import IRecords
from . import billing
from . import epochs
from . import ledger
from . import packing
from . import reasons
from . import tokens

uses: epochs
uses: ledger

MAX_BALANCE: constant(uint256) = 2**64 - 1
# Epochs after the end of a metered deal before its developer can take what is left.
NOTICE: constant(uint256) = 3

owner_of_deal: public(HashMap[uint256, address])

_deals: HashMap[uint256, uint256]
# Who signs the usage of a metered deal.
_meters: HashMap[uint256, address]
_run_ends: HashMap[uint256, uint256]


@external
def top_up(deal: uint256, amount: uint256):
    """
    @notice Add USDC to a deal, from your free balance first. It extends the runway; after a lapse
            it waits for the next match.
    @param deal The deal, not stopped and not past its planned end.
    @param amount From 1 base unit; the balance stays below 2^64.
    """
    ledger._check_amount(amount)
    epoch: uint256 = epochs._current()
    record: IRecords.Deal = self._load(deal, epoch)
    reasons._need(record.end != 0, "deals: no such deal")
    reasons._need(not record.stopped, "deals: stopped")
    reasons._need(epoch <= record.end, "deals: ended")
    record.balance += amount
    reasons._need(record.balance <= MAX_BALANCE, "deals: balance too large")
    self._deals[deal] = packing._pack_deal(record)
    log IMarket.DealBalance(deal=deal, by=msg.sender, balance=record.balance)
    missing: uint256 = ledger._debit(msg.sender, amount)
    if missing > 0:
        tokens._pull(ledger.TOKEN, msg.sender, missing)


@external
@view
def deal_word(deal: uint256) -> uint256:
    """
    @notice Read the packed record of a deal as stored, not settled.
    @param deal The deal.
    @return Balance 96 bits, rate 64, settled 32, end 32, units 16, run 8, stopped 1, metered 1.
    """
    return self._deals[deal]


@external
@view
def run_end(deal: uint256, run: uint256) -> uint256:
    """
    @notice Read the last funded epoch of a run that lapsed.
    @param deal The deal.
    @param run The run, from 0.
    @return The epoch, 0 if the run did not lapse or the lapse is not stored yet.
    """
    return self._run_ends[(deal << 8) | run]


@internal
def _load(deal: uint256, epoch: uint256) -> IRecords.Deal:
    """
    @dev Load a deal, settled. A lapse is stored and announced.
    """
    record: IRecords.Deal = empty(IRecords.Deal)
    last: uint256 = 0
    record, last = billing._settle(self._deals[deal], epoch)
    if last != 0:
        run: uint256 = record.run - 1
        self._run_ends[(deal << 8) | run] = last
        self._deals[deal] = packing._pack_deal(record)
        log IMarket.Lapsed(deal=deal, run=run, last=last, balance=record.balance)
    return record


@internal
def _store(deal: uint256, word: uint256):
    self._deals[deal] = word


@internal
@view
def _end_of(deal: uint256, run: uint256, record: IRecords.Deal) -> uint256:
    """
    @dev Last epoch that an assignment of a run can be paid, unless it ended by itself.
    @param deal The deal.
    @param run The run of the assignment.
    @param record The deal, settled.
    @return The end of the run if it lapsed, else the end of the deal.
    """
    if run < record.run:
        return self._run_ends[(deal << 8) | run]
    return record.end


@internal
@view
def _check_developer(deal: uint256, caller: address):
    reasons._need(caller == self.owner_of_deal[deal], "deals: not the developer")


@internal
def _take(deal: uint256, developer: address, amount: uint256):
    """
    @dev Move a part of the balance to the developer's free balance.
    """
    ledger._check_amount(amount)
    epoch: uint256 = epochs._current()
    record: IRecords.Deal = self._load(deal, epoch)
    # Peers of a metered deal have some epochs for the last vouchers.
    reasons._need(not record.metered or epoch > record.end + NOTICE, "deals: notice")
    reasons._need(amount <= record.balance, "deals: not enough balance")
    record.balance -= amount
    self._deals[deal] = packing._pack_deal(record)
    ledger._credit(developer, amount)
    log IMarket.DealBalance(deal=deal, by=developer, balance=record.balance)


@internal
def _stop(deal: uint256, developer: address):
    """
    @dev End the deal with the epoch begun; what is left becomes the developer's free balance,
         unless it is metered: then vouchers can be redeemed until it is taken.
    """
    epoch: uint256 = epochs._current()
    record: IRecords.Deal = self._load(deal, epoch)
    reasons._need(not record.stopped, "deals: stopped")
    returned: uint256 = 0 if record.metered else record.balance
    record.balance -= returned
    record.rate = 0
    record.units = 0
    record.end = min(record.end, epoch)
    record.stopped = True
    self._deals[deal] = packing._pack_deal(record)
    if returned > 0:
        ledger._credit(developer, returned)
    log IMarket.Stopped(deal=deal, end=record.end, returned=returned)
