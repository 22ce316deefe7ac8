# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Peers
@license Apache-2.0
@notice The machines of the providers: what they offer, what is in use, and the bond behind it.
@dev The locked stake of a provider is always the bond times the units of its peers. A peer is
     short while more units are in use than are bonded: a conviction took the difference.
"""

from ..interfaces import IMarket
from ..interfaces import IRecords
from ..interfaces import IStaking
from . import counts
from . import packing
from . import reasons

uses: counts

MAX_UNITS: constant(uint256) = 2**16 - 1
MAX_BOND: constant(uint256) = 2**112 - 1

BONDS: public(immutable(IStaking))
BOND_PER_UNIT: public(immutable(uint256))
FAULT_FEE: public(immutable(uint256))

# Last epoch in which an address was the wallet of a peer that has another one since.
retired: public(HashMap[uint256, HashMap[address, uint256]])

_peers: HashMap[uint256, uint256]
_extras: HashMap[uint256, uint256]


@deploy
def __init__(bonds: address, bond_per_unit: uint256, fault_fee: uint256):
    assert bond_per_unit <= MAX_BOND, "peers: bond too large"
    assert fault_fee <= bond_per_unit, "peers: fee above bond"
    BONDS = IStaking(bonds)
    BOND_PER_UNIT = bond_per_unit
    FAULT_FEE = fault_fee


@external
def register_peer(
    key: bytes32,
    units: uint256,
    memory_mib: uint256,
    region: uint256,
    traits: uint256,
    wallet: address,
    endpoint: String[128],
) -> uint256:
    """
    @notice Register a machine of yours and lock the bond of its units from your free stake.
    @param key Ed25519 public key of the peer.
    @param units Compute units for sale, from 1 to 65,535.
    @param memory_mib Memory of each unit in MiB, below 2^32.
    @param region Index of the region, below 256.
    @param traits Bit set of traits, below 2^96.
    @param wallet Hot key that may activate, leave and prove for the peer.
    @param endpoint URL at which the peer answers.
    @return The id of the peer.
    """
    reasons._need(units > 0, "peers: no units")
    tally: IRecords.Counts = counts._load()
    tally.peers += 1
    peer: uint256 = tally.peers
    counts._store(tally)
    self._store(
        peer,
        IRecords.Peer(
            provider=msg.sender, units=units, used=0, memory_mib=memory_mib, region=region
        ),
    )
    self._extras[peer] = packing._pack_peer_extra(IRecords.PeerExtra(wallet=wallet, traits=traits))
    log IMarket.PeerRegistered(
        peer=peer,
        provider=msg.sender,
        key=key,
        units=units,
        memory_mib=memory_mib,
        region=region,
        traits=traits,
        wallet=wallet,
        endpoint=endpoint,
    )
    extcall BONDS.lock(msg.sender, units * BOND_PER_UNIT)
    return peer


@external
@view
def wallet_of(peer: uint256) -> address:
    """
    @notice Read the hot key of a peer.
    @param peer The peer.
    @return Its address, zero for an unknown peer.
    """
    return self._wallet(peer)


@external
@view
def peer_word(peer: uint256) -> uint256:
    """
    @notice Read the packed record of a peer.
    @param peer The peer.
    @return Provider 160 bits, units 16, used 16, memory in MiB 32, region 8.
    """
    return self._peers[peer]


@external
@view
def peer_extra_word(peer: uint256) -> uint256:
    """
    @notice Read the second packed record of a peer.
    @param peer The peer.
    @return Wallet 160 bits, traits 96.
    """
    return self._extras[peer]


@internal
@view
def _load(peer: uint256) -> IRecords.Peer:
    return packing._unpack_peer(self._peers[peer])


@internal
def _store(peer: uint256, record: IRecords.Peer):
    self._peers[peer] = packing._pack_peer(record)


@internal
@view
def _traits(peer: uint256) -> uint256:
    return packing._unpack_peer_extra(self._extras[peer]).traits


@internal
@view
def _provider(peer: uint256) -> address:
    return convert(self._peers[peer] & packing.MASK_160, address)


@internal
@view
def _wallet(peer: uint256) -> address:
    return convert(self._extras[peer] & packing.MASK_160, address)


@internal
@view
def _is_keeper(peer: uint256, account: address) -> bool:
    """
    @dev Whether an account may act for a peer: its wallet or its provider.
    """
    return (
        convert(self._extras[peer] & packing.MASK_160, address) == account
        or convert(self._peers[peer] & packing.MASK_160, address) == account
    )


@internal
@view
def _is_short(peer: uint256) -> bool:
    """
    @dev Whether more units are in use than are bonded.
    """
    record: IRecords.Peer = self._load(peer)
    return record.used > record.units


@internal
@view
def _check_provider(peer: uint256, caller: address):
    reasons._need(caller == self._provider(peer), "peers: not the provider")


@internal
def _set_units(peer: uint256, units: uint256):
    """
    @dev Change how many units are for sale, and the bond with them.
    """
    record: IRecords.Peer = self._load(peer)
    before: uint256 = record.units
    reasons._need(units >= record.used, "peers: units in use")
    record.units = units
    self._store(peer, record)
    log IMarket.PeerUnits(peer=peer, units=units)
    if units > before:
        extcall BONDS.lock(record.provider, (units - before) * BOND_PER_UNIT)
    elif units < before:
        extcall BONDS.unlock(record.provider, (before - units) * BOND_PER_UNIT)


@internal
def _set_wallet(peer: uint256, wallet: address, epoch: uint256):
    """
    @dev Replace the hot key; what the old one signed up to this epoch still counts.
    """
    extra: IRecords.PeerExtra = packing._unpack_peer_extra(self._extras[peer])
    self.retired[peer][extra.wallet] = epoch
    extra.wallet = wallet
    self._extras[peer] = packing._pack_peer_extra(extra)
    log IMarket.PeerWallet(peer=peer, wallet=wallet)


@internal
def _give_back(peer: uint256, units: uint256, is_fault: bool, caller: address):
    """
    @dev Take units back that an assignment used. After a fault they leave the capacity too, and
         the fee comes out of their bond to the caller's stake.
    """
    record: IRecords.Peer = self._load(peer)
    record.used -= units
    if is_fault:
        record.units -= units
    self._store(peer, record)
    if is_fault:
        log IMarket.PeerUnits(peer=peer, units=record.units)
        extcall BONDS.slash(record.provider, units * BOND_PER_UNIT, units * FAULT_FEE, caller)


@internal
def _seize(peer: uint256, units: uint256, to: address) -> uint256:
    """
    @dev Take the bond of units from the capacity, in use elsewhere or not; what the peer has too
         few of comes out of the provider's other stake.
    @return FLT that `to` received.
    """
    record: IRecords.Peer = self._load(peer)
    bonded: uint256 = min(units, record.units)
    record.units -= bonded
    self._store(peer, record)
    log IMarket.PeerUnits(peer=peer, units=record.units)
    return extcall BONDS.seize(
        record.provider, bonded * BOND_PER_UNIT, (units - bonded) * BOND_PER_UNIT, to
    )
