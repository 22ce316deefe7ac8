# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Subjects
@license Apache-2.0
@notice What Market and Proofs say about the assignments and peers that are judged.
"""

from ..interfaces import IMarket
from ..interfaces import IProofs
from ..interfaces import IRecords
from . import epochs
from . import evidence
from . import packing
from . import signatures

uses: epochs

HEAD_TYPEHASH: constant(bytes32) = keccak256(
    "Head(uint256 assignment,uint256 sequence,bytes32 receipt)"
)

MARKET: public(immutable(IMarket))
PROOFS: public(immutable(IProofs))


@deploy
def __init__(market: address, proofs: address):
    MARKET = IMarket(market)
    PROOFS = IProofs(proofs)


@internal
@view
def _challenge(assignment: uint256, epoch: uint256) -> uint256:
    """
    @dev Insist that an assignment ran in an epoch that can still be challenged, and that its peer
         committed to it.
    @return The peer.
    """
    record: IRecords.Assignment = packing._unpack_assignment(
        staticcall MARKET.assignment_word(assignment)
    )
    assert record.state >= packing.ACTIVE, "audits: no such assignment"
    is_over: bool = record.state in [packing.ENDED, packing.CLOSED]
    assert (
        record.start <= epoch
        and (not is_over or epoch <= record.end)
        and epochs._current() <= epoch + epochs.CHALLENGE
    ), "audits: wrong epoch"
    assert self._root(record.peer, epoch) != empty(bytes32), "audits: no root"
    return record.peer


@internal
@view
def _root(peer: uint256, epoch: uint256) -> bytes32:
    return staticcall PROOFS.root_of(peer, epoch)


@internal
@view
def _deal(assignment: uint256) -> uint256:
    """
    @dev The deal of an assignment; zero once its record is gone.
    """
    return packing._unpack_assignment(staticcall MARKET.assignment_word(assignment)).deal


@internal
@view
def _peer(peer: uint256) -> IRecords.Peer:
    return packing._unpack_peer(staticcall MARKET.peer_word(peer))


@internal
@view
def _provider(peer: uint256) -> address:
    return convert(staticcall MARKET.peer_word(peer) & packing.MASK_160, address)


@internal
@view
def _is_head(peer: uint256, receipt: uint256[13], r: bytes32, vs: bytes32) -> bool:
    """
    @dev Whether the wallet of a peer signed a receipt of an epoch that can still be challenged: the
         wallet of now, or one that still was it in that epoch. So an old key is worthless soon.
    """
    epoch: uint256 = receipt[evidence.TIME] // epochs.EPOCH_SECONDS
    hash: bytes32 = keccak256(
        abi_encode(
            HEAD_TYPEHASH,
            receipt[evidence.CALL_ASSIGNMENT],
            receipt[evidence.SEQUENCE],
            evidence._receipt_hash(receipt),
        )
    )
    signer: address = signatures._signer(staticcall MARKET.domain_separator(), hash, r, vs)
    return (
        signer != empty(address)
        and epochs._current() <= epoch + epochs.CHALLENGE
        and (
            signer == staticcall MARKET.wallet_of(peer)
            or staticcall MARKET.retired(peer, signer) >= max(epoch, 1)
        )
    )
