# pragma version 0.4.3
# pragma optimize codesize
# pragma nonreentrancy on
"""
@title Market
@license Apache-2.0
@notice Matches developers with providers of compute units, holds the developers' USDC and pays
        it out: for proven epochs, or for work that the developer's meter signed.
@dev The list of what is exposed, who may call it, and the batches. The rules are in the modules.
     Nothing can be changed after deployment; the owner can only refuse new matches.
@custom:kill Call `set_paused(true)` as owner: it ends matching. Deals run off, and every way out
             of the contract stays open for everybody.
"""

from .interfaces import IMarket

implements: IMarket

from .modules import assignments
from .modules import counts
from .modules import deals
from .modules import epochs
from .modules import ledger
from .modules import matching
from .modules import offers
from .modules import ownership
from .modules import peers
from .modules import proving

initializes: epochs
initializes: counts
initializes: ledger
initializes: offers
initializes: ownership
initializes: peers[counts := counts]
initializes: proving[epochs := epochs]
initializes: deals[epochs := epochs, ledger := ledger]
initializes: assignments[deals := deals, ledger := ledger, peers := peers, proving := proving]
initializes: matching[assignments := assignments, counts := counts, deals := deals, epochs := epochs, ledger := ledger, offers := offers, ownership := ownership, peers := peers]

exports: (
    assignments.assignment_word,
    counts.counts_word,
    deals.deal_word,
    deals.owner_of_deal,
    deals.run_end,
    deals.top_up,
    epochs.EPOCH_SECONDS,
    epochs.PROOF_WINDOW,
    ledger.TOKEN,
    ledger.account_word,
    ledger.bump_counter,
    ledger.deposit,
    ledger.withdraw,
    matching.match,
    offers.cancel,
    offers.domain_separator,
    offers.offer_word,
    offers.publish,
    ownership.next_owner,
    ownership.owner,
    ownership.paused,
    peers.BONDS,
    peers.BOND_PER_UNIT,
    peers.FAULT_FEE,
    peers.peer_extra_word,
    peers.peer_word,
    peers.register_peer,
    peers.retired,
    peers.wallet_of,
    proving.ACCEPT_BLOCKS,
    proving.ACCEPT_SECONDS,
    proving.MAX_MISSED,
    proving.PROOFS,
)

MAX_IDS: constant(uint256) = 64

METER: public(immutable(address))
AUDITS: public(immutable(address))


@deploy
def __init__(
    token: address,
    bonds: address,
    proofs: address,
    epoch_seconds: uint256,
    accept_seconds: uint256,
    max_missed: uint256,
    proof_window: uint256,
    bond_per_unit: uint256,
    fault_fee: uint256,
    accept_blocks: uint256,
    meter: address,
    audits: address,
):
    """
    @notice Fix every parameter for ever; the deployer becomes the owner.
    @param token USDC: 6 decimals, no fee on transfers.
    @param bonds The Staking contract that names this one as its market.
    @param proofs The Proofs contract with the same epochs and window.
    @param epoch_seconds Length of a billing period, at least 10.
    @param accept_seconds Time a peer has to answer a new assignment, at least 1.
    @param max_missed Final epochs without a proof that make a fault, at least 1.
    @param proof_window Epochs after its end in which an epoch can be proven, at least 1.
    @param bond_per_unit FLT locked for each unit for sale.
    @param fault_fee Part of the bond of a unit that a fault costs.
    @param accept_blocks Blocks that must have passed too before a missing answer is a fault.
    @param meter The contract that checks vouchers; the only one that may call `pay`.
    @param audits The contract that judges evidence; the only one that may call `convict`.
    """
    epochs.__init__(epoch_seconds, proof_window)
    ledger.__init__(token)
    offers.__init__()
    ownership.__init__()
    peers.__init__(bonds, bond_per_unit, fault_fee)
    proving.__init__(proofs, accept_seconds, accept_blocks, max_missed)
    METER = meter
    AUDITS = audits


@external
def set_units(peer: uint256, units: uint256):
    """
    @notice Change how many units a peer has for sale; locks or unlocks the bond. Provider only.
    @param peer The peer.
    @param units From the units in use to 65,535.
    """
    peers._check_provider(peer, msg.sender)
    peers._set_units(peer, units)


@external
def set_wallet(peer: uint256, wallet: address):
    """
    @notice Replace the hot key of a peer. Provider only.
    @param peer The peer.
    @param wallet The new key's address; zero leaves only the provider, and nobody to prove.
    """
    peers._check_provider(peer, msg.sender)
    peers._set_wallet(peer, wallet, epochs._current())


@external
def set_endpoint(peer: uint256, endpoint: String[128]):
    """
    @notice Announce where a peer answers from now on. Provider only.
    @param peer The peer.
    @param endpoint Its URL.
    """
    peers._check_provider(peer, msg.sender)
    log IMarket.PeerEndpoint(peer=peer, endpoint=endpoint)


@external
def take(deal: uint256, amount: uint256):
    """
    @notice Move USDC of a deal to your free balance; shortens the runway. Of a metered deal only
            when three epochs have passed after its end. Developer only.
    @param deal The deal.
    @param amount From 1 base unit to the deal's balance.
    """
    deals._check_developer(deal, msg.sender)
    deals._take(deal, msg.sender, amount)


@external
def stop(deal: uint256):
    """
    @notice End a deal for good. Reserved: the epoch begun is paid, the balance becomes your free
            balance. Metered: the balance stays until you `take` it. Developer only.
    @param deal The deal, once; also after its planned end.
    """
    deals._check_developer(deal, msg.sender)
    deals._stop(deal, msg.sender)


@external
def set_app(deal: uint256, app: bytes32):
    """
    @notice Make the peers of a deal serve another version. Developer only.
    @param deal The deal.
    @param app sha-256 digest of the new manifest.
    """
    deals._check_developer(deal, msg.sender)
    log IMarket.AppChanged(deal=deal, app=app)


@external
def activate(ids: DynArray[uint256, MAX_IDS]):
    """
    @notice Start serving and billing; in a reserved deal the share of the current epoch is put
            aside, and an assignment that the deal cannot pay ends. Wallet or provider; refused ids
            are reported in `Skipped`.
    @param ids Pending assignments.
    """
    epoch: uint256 = epochs._current()
    skipped: uint256 = epochs._skipped()
    for id: uint256 in ids:
        reason: uint256 = assignments._activate(id, msg.sender, epoch, skipped)
        if reason != 0:
            self._report(id, reason)


@external
def leave(ids: DynArray[uint256, MAX_IDS], why: uint256):
    """
    @notice Reject pending assignments or end active ones; the epoch begun is not paid. Wallet or
            provider; refused ids are reported in `Skipped`.
    @param ids Live assignments.
    @param why Reason for the developer, a number of the published list.
    """
    epoch: uint256 = epochs._current()
    for id: uint256 in ids:
        self._report(id, assignments._end(id, msg.sender, epoch, assignments.LEFT, why))


@external
def drop(ids: DynArray[uint256, MAX_IDS], why: uint256):
    """
    @notice End assignments of your deals; the epoch begun is paid, a pending one is free.
            Developer; refused ids are reported in `Skipped`.
    @param ids Live assignments.
    @param why Reason for the provider, a number of the published list.
    """
    epoch: uint256 = epochs._current()
    for id: uint256 in ids:
        self._report(id, assignments._end(id, msg.sender, epoch, assignments.DROPPED, why))


@external
def evict(ids: DynArray[uint256, MAX_IDS]):
    """
    @notice End assignments whose peer did not answer or prove in time; you earn the fault fee as
            free stake. Those of a short peer end for nothing. Refused ids are reported in
            `Skipped`.
    @param ids Live assignments.
    """
    epoch: uint256 = epochs._current()
    for id: uint256 in ids:
        self._report(id, assignments._end(id, msg.sender, epoch, assignments.EVICTED, 0))


@external
def release(ids: DynArray[uint256, MAX_IDS]):
    """
    @notice Give the units of dead assignments back to their peers. Anyone; refused ids are
            reported in `Skipped`.
    @param ids Assignments of lapsed, stopped or ended deals.
    """
    epoch: uint256 = epochs._current()
    for id: uint256 in ids:
        self._report(id, assignments._end(id, msg.sender, epoch, assignments.RELEASED, 0))


@external
def claim(ids: DynArray[uint256, MAX_IDS]):
    """
    @notice Pay out the final epochs: proven ones to the provider, others back to the developer,
            both as free balance. Anyone; refused ids are reported in `Skipped`.
    @param ids Active or ended assignments.
    """
    epoch: uint256 = epochs._current()
    for id: uint256 in ids:
        self._claim(id, epoch)


@external
def claim_and_withdraw(ids: DynArray[uint256, MAX_IDS], to: address):
    """
    @notice Claim, then withdraw what the claim paid to you.
    @param ids Active or ended assignments.
    @param to Who receives the USDC.
    """
    epoch: uint256 = epochs._current()
    total: uint256 = 0
    for id: uint256 in ids:
        total += self._claim(id, epoch)
    if total > 0:
        ledger._withdraw(msg.sender, total, to)


@external
def pay(assignment: uint256, work: uint256) -> (uint256, uint256, uint256, uint256):
    """
    @notice Pay a provider for signed work. Meter only.
    @param assignment A metered or closed assignment.
    @param work All its work so far, below 2^96.
    @return Paid now, owed still, the balance of the deal, the deal.
    """
    assert msg.sender == METER
    return assignments._pay(assignment, work, epochs._current())


@external
def convict(assignment: uint256) -> (uint256, address, address):
    """
    @notice End an assignment whose peer lied; its bond goes to the caller. Audits only.
    @param assignment The assignment; nothing happens if it never started or is gone.
    @return FLT that was seized, the provider, the developer of the deal.
    """
    assert msg.sender == AUDITS
    return assignments._convict(assignment, epochs._current(), AUDITS)


@external
@view
def meter_of(assignment: uint256) -> address:
    """
    @notice Read who signs the usage of an assignment.
    @param assignment The assignment.
    @return The address, zero if the assignment is not of a metered deal or never started.
    """
    return assignments._meter_of(assignment)


@external
def set_paused(paused: bool):
    """
    @notice Refuse or allow new matches; nothing else is affected. Owner only.
    @param paused Whether `match` is refused.
    """
    ownership._check_owner(msg.sender)
    ownership._set_paused(paused)


@external
def offer_ownership(next_owner: address):
    """
    @notice Name the account that may take over; replaces an earlier name. Owner only.
    @param next_owner Who may accept, or zero to withdraw the offer.
    """
    ownership._check_owner(msg.sender)
    ownership._offer(next_owner)


@external
def accept_ownership():
    """
    @notice Become the owner, if the owner named you.
    """
    ownership._accept(msg.sender)


@internal
def _report(id: uint256, reason: uint256):
    if reason != 0:
        log IMarket.Skipped(assignment=id, reason=reason)


@internal
def _claim(id: uint256, epoch: uint256) -> uint256:
    """
    @dev Claim one assignment.
    @return What it paid to the caller.
    """
    reason: uint256 = 0
    provider: address = empty(address)
    paid: uint256 = 0
    reason, provider, paid = assignments._claim(id, epoch)
    if reason != 0:
        self._report(id, reason)
    return paid if provider == msg.sender else 0
