# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Matching
@license Apache-2.0
@notice Turns a developer offer and fills into a deal, or adds fills to the deal it made.
@dev `match` is one external function so that its fills stay in memory once; passing them on
     would copy them. Nobody is trusted with a match: every limit that both sides signed is
     checked, and a bad fill is skipped with a reason.
"""

from ..interfaces import IMarket
from ..interfaces import IRecords
from . import assignments
from . import billing
from . import checks
from . import counts
from . import deals
from . import epochs
from . import ledger
from . import offers
from . import ownership
from . import packing
from . import peers
from . import reasons
from . import signatures
from . import tokens

uses: assignments
uses: counts
uses: deals
uses: epochs
uses: ledger
uses: offers
uses: ownership
uses: peers

MAX_FILLS: constant(uint256) = 32
MAX_CURRENT: constant(uint256) = 64
MAX_UNITS: constant(uint256) = 2**16 - 1
MAX_AMOUNT: constant(uint256) = 2**64 - 1
MAX_EPOCHS: constant(uint256) = 2**31 - 1
MAX_RUN: constant(uint256) = 255
MAX_MODE: constant(uint256) = 2
UNTIL_STOPPED: constant(uint256) = 2**32 - 1

# Units of each provider in this match; the round keeps two matches of one transaction apart.
_taken: transient(HashMap[uint256, HashMap[address, uint256]])
_round: transient(uint256)


@external
def match(
    offer: IMarket.DeveloperOffer,
    r: bytes32,
    vs: bytes32,
    fills: DynArray[IMarket.Fill, MAX_FILLS],
    current: DynArray[uint256, MAX_CURRENT],
    permit: IMarket.Permit,
) -> uint256:
    """
    @notice Make the deal of a developer offer, or refill it. Fills that break a limit are skipped
            with `FillSkipped`; the call reverts if none is left.
    @param offer The developer offer.
    @param r First half of the developer's compact signature, zero if published; ignored in a refill.
    @param vs Second half of it.
    @param fills Provider offers with the units asked of each, in order of preference.
    @param current All live assignments of the deal, ascending; others in between are ignored.
    @param permit EIP-2612 permit of the developer for the deposit and tip, or all zero.
    @return The id of the deal.
    """
    reasons._need(not ownership.paused, "matching: paused")
    reasons._need(
        offer.matcher in [empty(address), msg.sender] or msg.sender == offer.developer,
        "matching: not the matcher",
    )
    reasons._need(offer.counter == ledger._counter(offer.developer), "matching: wrong counter")
    hash: bytes32 = offers._developer_offer_hash(offer)
    domain: bytes32 = offers._domain()
    state: IRecords.OfferState = offers._state(offer.developer, hash)
    reasons._need(not state.cancelled, "matching: offer cancelled")

    epoch: uint256 = epochs._current()
    tally: IRecords.Counts = counts._load()
    is_first: bool = state.deal == 0
    deal: IRecords.Deal = empty(IRecords.Deal)
    if is_first:
        reasons._need(block.timestamp <= offer.valid_until, "matching: offer expired")
        reasons._need(
            offer.min_units > 0 and offer.min_units <= offer.units, "matching: bad min_units"
        )
        reasons._need(
            offer.units <= MAX_UNITS
            and offer.deposit <= MAX_AMOUNT
            and offer.tip <= MAX_AMOUNT
            and offer.epochs <= MAX_EPOCHS
            and offer.providers_mode <= MAX_MODE,
            "matching: offer out of range",
        )
        reasons._need(
            state.approved or signatures._is_signed(offer.developer, domain, hash, r, vs),
            "matching: bad signature",
        )
        tally.deals += 1
        state.deal = tally.deals
        offers._store(offer.developer, hash, state)
        deals.owner_of_deal[state.deal] = offer.developer
        if offer.meter != empty(address):
            deals._meters[state.deal] = offer.meter
            deal.metered = True
        deal.balance = offer.deposit
        deal.settled = epoch
        deal.end = epoch + offer.epochs if offer.epochs != 0 else UNTIL_STOPPED
    else:
        deal = deals._load(state.deal, epoch)
        reasons._need(not deal.stopped, "matching: deal stopped")
        reasons._need(epoch < deal.end, "matching: deal ended")
        reasons._need(deal.run < MAX_RUN, "matching: too many lapses")

    self._round += 1
    room: IRecords.Room = IRecords.Room(balance=deal.balance, committed=0, units=0, live=0)
    last: uint256 = 0
    for id: uint256 in current:
        reasons._need(id > last, "matching: current not ascending")
        last = id
        live: IRecords.Assignment = assignments._load(id)
        if (
            live.deal == state.deal
            and billing._is_open(live.state)
            and billing._is_alive(live.run, deal, epoch)
        ):
            room.committed += live.price * live.units
            room.units += live.units
            room.live += 1
            if offer.max_units_per_provider != 0:
                self._taken[self._round][peers._load(live.peer).provider] += live.units
    reasons._need(room.units == deal.units, "matching: current incomplete")

    accepted: uint256 = 0
    seen: uint256 = 0
    regions: uint256 = 0
    for fill: IMarket.Fill in fills:
        ask: IRecords.Ask = self._ask(fill, offer.traits != 0)
        reason: uint256 = 0
        units: uint256 = 0
        reason, units = checks._check_fill(offer, fill, ask, room, domain)
        if reason != 0:
            log IMarket.FillSkipped(deal=state.deal, peer=fill.peer, reason=reason)
            continue
        accepted += 1
        tally.assignments += 1
        room.committed += fill.price * units
        room.units += units
        room.live += 1
        if offer.max_units_per_provider != 0:
            self._taken[self._round][ask.peer.provider] += units
        if (seen >> ask.peer.region) & 1 == 0:
            seen |= 1 << ask.peer.region
            regions += 1
        ask.peer.used += units
        peers._store(fill.peer, ask.peer)
        assignments._store(
            tally.assignments,
            IRecords.Assignment(
                deal=state.deal,
                peer=fill.peer,
                units=units,
                price=fill.price,
                start=block.timestamp,
                next=block.number,
                end=0,
                skipped=0,
                run=deal.run,
                state=packing.PENDING,
            ),
        )
        log IMarket.Assigned(
            assignment=tally.assignments,
            deal=state.deal,
            peer=fill.peer,
            units=units,
            price=fill.price,
            offer=ask.hash,
        )
    reasons._need(accepted > 0, "matching: nothing to match")
    counts._store(tally)
    deal.units = room.units
    deals._store(state.deal, packing._pack_deal(deal))

    tip: uint256 = 0
    if is_first:
        reasons._need(room.units >= offer.min_units, "matching: below min_units")
        reasons._need(regions >= offer.min_regions, "matching: below min_regions")
        # Rounds down, for the developer.
        tip = offer.tip * room.units // offer.units
        missing: uint256 = ledger._debit(offer.developer, offer.deposit + tip)
        if tip > 0:
            ledger._credit(msg.sender, tip)
        if permit.deadline != 0:
            tokens._permit(ledger.TOKEN, offer.developer, permit)
        if missing > 0:
            tokens._pull(ledger.TOKEN, offer.developer, missing)
        log IMarket.DealCreated(
            deal=state.deal,
            developer=offer.developer,
            offer=hash,
            app=offer.app,
            deposit=offer.deposit,
            end=deal.end,
            meter=offer.meter,
        )
    log IMarket.Matched(deal=state.deal, caller=msg.sender, units=deal.units, tip=tip)
    return state.deal


@internal
@view
def _ask(fill: IMarket.Fill, with_traits: bool) -> IRecords.Ask:
    """
    @dev Read what the chain says about the other side of a fill.
    """
    peer: IRecords.Peer = peers._load(fill.peer)
    hash: bytes32 = offers._provider_offer_hash(fill)
    state: IRecords.OfferState = offers._state(peer.provider, hash)
    return IRecords.Ask(
        peer=peer,
        traits=peers._traits(fill.peer) if with_traits else 0,
        counter=ledger._counter(peer.provider),
        approved=state.approved,
        cancelled=state.cancelled,
        taken=self._taken[self._round][peer.provider],
        hash=hash,
    )
