# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Offers
@license Apache-2.0
@notice Hashes of offers (EIP-712), and which of them are published or cancelled.
"""

from ..interfaces import IMarket
from ..interfaces import IRecords
from . import packing

DOMAIN_TYPEHASH: constant(bytes32) = keccak256(
    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
NAME_HASH: constant(bytes32) = keccak256("Wasmarket")
VERSION_HASH: constant(bytes32) = keccak256("1")
PROVIDER_OFFER_TYPEHASH: constant(bytes32) = keccak256(
    "ProviderOffer(uint256 peer,uint256 kind,uint256 price,address developer,uint256 valid_until,uint256 counter,uint256 salt)"
)
DEVELOPER_OFFER_TYPEHASH: constant(bytes32) = keccak256(
    "DeveloperOffer(address developer,bytes32 app,uint256 min_units,uint256 units,uint256 max_units_per_provider,uint256 min_regions,address meter,uint256 max_price,uint256 epochs,uint256 deposit,uint256 min_memory_mib,uint256 regions,uint256 traits,address[] providers,uint256 providers_mode,address matcher,uint256 tip,uint256 valid_until,uint256 counter,uint256 salt)"
)
MAX_PROVIDERS: constant(uint256) = 16

_CHAIN_ID: immutable(uint256)
_DOMAIN: immutable(bytes32)

_offers: HashMap[address, HashMap[bytes32, uint256]]


@deploy
def __init__():
    _CHAIN_ID = chain.id
    _DOMAIN = self._build_domain()


@external
def publish(hash: bytes32, data: Bytes[1024]):
    """
    @notice Approve an offer of yours on chain instead of signing it, and broadcast it.
    @param hash EIP-712 struct hash of the offer.
    @param data The offer, for readers, who must check it against the hash.
    """
    state: IRecords.OfferState = self._state(msg.sender, hash)
    state.approved = True
    self._store(msg.sender, hash, state)
    log IMarket.OfferPublished(account=msg.sender, hash=hash, data=data)


@external
def cancel(hash: bytes32):
    """
    @notice Make an offer of yours invalid for ever; its deal, if any, goes on without refills.
    @param hash EIP-712 struct hash of the offer.
    """
    state: IRecords.OfferState = self._state(msg.sender, hash)
    state.cancelled = True
    self._store(msg.sender, hash, state)
    log IMarket.OfferCancelled(account=msg.sender, hash=hash)


@external
@view
def offer_word(account: address, hash: bytes32) -> uint256:
    """
    @notice Read the packed state of an offer.
    @param account Who made the offer.
    @param hash EIP-712 struct hash of the offer.
    @return Bit 0 approved, bit 1 cancelled, above them the deal of a developer offer.
    """
    return self._offers[account][hash]


@external
@view
def domain_separator() -> bytes32:
    """
    @notice Read the EIP-712 domain separator that offers are signed for.
    @return The separator on the current chain id.
    """
    return self._domain()


@internal
@view
def _domain() -> bytes32:
    if chain.id == _CHAIN_ID:
        return _DOMAIN
    return self._build_domain()


@internal
@view
def _build_domain() -> bytes32:
    return keccak256(abi_encode(DOMAIN_TYPEHASH, NAME_HASH, VERSION_HASH, chain.id, self))


@internal
@view
def _state(account: address, hash: bytes32) -> IRecords.OfferState:
    return packing._unpack_offer(self._offers[account][hash])


@internal
def _store(account: address, hash: bytes32, state: IRecords.OfferState):
    self._offers[account][hash] = packing._pack_offer(state)


@internal
@pure
def _provider_offer_hash(fill: IMarket.Fill) -> bytes32:
    return keccak256(
        abi_encode(
            PROVIDER_OFFER_TYPEHASH,
            fill.peer,
            fill.kind,
            fill.price,
            fill.developer,
            fill.valid_until,
            fill.counter,
            fill.salt,
        )
    )


@internal
@pure
def _developer_offer_hash(offer: IMarket.DeveloperOffer) -> bytes32:
    # EIP-712 hashes the padded members of an array, not its ABI encoding: skip offset and length.
    providers: bytes32 = keccak256(
        slice(abi_encode(offer.providers), 64, 32 * len(offer.providers))
    )
    return keccak256(
        abi_encode(
            DEVELOPER_OFFER_TYPEHASH,
            offer.developer,
            offer.app,
            offer.min_units,
            offer.units,
            offer.max_units_per_provider,
            offer.min_regions,
            offer.meter,
            offer.max_price,
            offer.epochs,
            offer.deposit,
            offer.min_memory_mib,
            offer.regions,
            offer.traits,
            providers,
            offer.providers_mode,
            offer.matcher,
            offer.tip,
            offer.valid_until,
            offer.counter,
            offer.salt,
        )
    )
