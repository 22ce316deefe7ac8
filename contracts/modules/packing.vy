# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Packing
@license Apache-2.0
@notice One pack and unpack pair for each record that Market keeps in a single word, low bits first.
@dev Packing asserts every width: an addition that outgrew its field would otherwise spill into
     the neighbour in silence.
"""

from ..interfaces import IRecords
from . import reasons

PENDING: constant(uint256) = 1
ACTIVE: constant(uint256) = 2
ENDED: constant(uint256) = 3
METERED: constant(uint256) = 4
CLOSED: constant(uint256) = 5

MASK_8: constant(uint256) = 2**8 - 1
MASK_16: constant(uint256) = 2**16 - 1
MASK_32: constant(uint256) = 2**32 - 1
MASK_48: constant(uint256) = 2**48 - 1
MASK_64: constant(uint256) = 2**64 - 1
MASK_96: constant(uint256) = 2**96 - 1
MASK_128: constant(uint256) = 2**128 - 1
MASK_160: constant(uint256) = 2**160 - 1

# What of a pending assignment stays when it starts: deal, peer, units, price and run.
KEPT: constant(uint256) = MASK_128 | (MASK_8 << 240)
# Next and skipped of an assignment: where a claim or a payment is noted.
NOTED: constant(uint256) = (MASK_32 << 160) | (MASK_16 << 224)


@internal
@pure
def _pack_account(free: uint256, counter: uint256) -> uint256:
    assert (free | counter) >> 128 == 0
    return free | (counter << 128)


@internal
@pure
def _unpack_account(word: uint256) -> (uint256, uint256):
    """
    @dev Free balance and counter.
    """
    return word & MASK_128, word >> 128


@internal
@pure
def _pack_offer(offer: IRecords.OfferState) -> uint256:
    assert offer.deal >> 32 == 0
    return (
        convert(offer.approved, uint256)
        | (convert(offer.cancelled, uint256) << 1)
        | (offer.deal << 2)
    )


@internal
@pure
def _unpack_offer(word: uint256) -> IRecords.OfferState:
    return IRecords.OfferState(
        approved=word & 1 != 0, cancelled=word & 2 != 0, deal=(word >> 2) & MASK_32
    )


@internal
@pure
def _pack_peer(peer: IRecords.Peer) -> uint256:
    reasons._need(
        ((peer.units | peer.used) >> 16) | (peer.memory_mib >> 32) | (peer.region >> 8) == 0,
        "packing: out of range",
    )
    return (
        convert(peer.provider, uint256)
        | (peer.units << 160)
        | (peer.used << 176)
        | (peer.memory_mib << 192)
        | (peer.region << 224)
    )


@internal
@pure
def _unpack_peer(word: uint256) -> IRecords.Peer:
    return IRecords.Peer(
        provider=convert(word & MASK_160, address),
        units=(word >> 160) & MASK_16,
        used=(word >> 176) & MASK_16,
        memory_mib=(word >> 192) & MASK_32,
        region=(word >> 224) & MASK_8,
    )


@internal
@pure
def _pack_peer_extra(extra: IRecords.PeerExtra) -> uint256:
    reasons._need(extra.traits >> 96 == 0, "packing: out of range")
    return convert(extra.wallet, uint256) | (extra.traits << 160)


@internal
@pure
def _unpack_peer_extra(word: uint256) -> IRecords.PeerExtra:
    return IRecords.PeerExtra(wallet=convert(word & MASK_160, address), traits=word >> 160)


@internal
@pure
def _pack_deal(deal: IRecords.Deal) -> uint256:
    assert (
        (deal.balance >> 96)
        | (deal.rate >> 64)
        | ((deal.settled | deal.end) >> 32)
        | (deal.units >> 16)
        | (deal.run >> 8)
    ) == 0
    return (
        deal.balance
        | (deal.rate << 96)
        | (deal.settled << 160)
        | (deal.end << 192)
        | (deal.units << 224)
        | (deal.run << 240)
        | (convert(deal.stopped, uint256) << 248)
        | (convert(deal.metered, uint256) << 249)
    )


@internal
@pure
def _unpack_deal(word: uint256) -> IRecords.Deal:
    return IRecords.Deal(
        balance=word & MASK_96,
        rate=(word >> 96) & MASK_64,
        settled=(word >> 160) & MASK_32,
        end=(word >> 192) & MASK_32,
        units=(word >> 224) & MASK_16,
        run=(word >> 240) & MASK_8,
        stopped=(word >> 248) & 1 != 0,
        metered=(word >> 249) & 1 != 0,
    )


@internal
@pure
def _pack_assignment(assignment: IRecords.Assignment) -> uint256:
    assert (
        (
            (
                assignment.deal
                | assignment.peer
                | assignment.start
                | assignment.next
                | assignment.end
            )
            >> 32
        )
        | ((assignment.units | assignment.skipped) >> 16)
        | (assignment.price >> 48)
        | ((assignment.run | assignment.state) >> 8)
    ) == 0
    return (
        assignment.deal
        | (assignment.peer << 32)
        | (assignment.units << 64)
        | (assignment.price << 80)
        | (assignment.start << 128)
        | (assignment.next << 160)
        | (assignment.end << 192)
        | (assignment.skipped << 224)
        | (assignment.run << 240)
        | (assignment.state << 248)
    )


@internal
@pure
def _start_assignment(word: uint256, epoch: uint256, skipped: uint256) -> uint256:
    """
    @dev The packed record of a pending assignment after its activation. This and the next two
         spare the packing of the fields that do not change.
    """
    assert (epoch >> 32) | (skipped >> 16) == 0
    return ((word & KEPT) | (epoch << 128) | (epoch << 160) | (skipped << 224) | (ACTIVE << 248))


@internal
@pure
def _meter_assignment(word: uint256, epoch: uint256) -> uint256:
    """
    @dev The packed record of a pending assignment of a metered deal after its activation.
    """
    assert epoch >> 32 == 0
    return (word & KEPT) | (epoch << 128) | (METERED << 248)


@internal
@pure
def _advance_assignment(word: uint256, next: uint256) -> uint256:
    """
    @dev The packed record after a claim: `next` moved, `skipped` cleared.
    """
    assert next >> 32 == 0
    return (word & ~NOTED) | (next << 160)


@internal
@pure
def _pay_assignment(word: uint256, paid: uint256) -> uint256:
    """
    @dev The packed record of a metered assignment after a payment.
    """
    assert paid >> 48 == 0
    return (word & ~NOTED) | ((paid & MASK_32) << 160) | ((paid >> 32) << 224)


@internal
@pure
def _paid(assignment: IRecords.Assignment) -> uint256:
    """
    @dev What a metered assignment was paid so far.
    """
    return assignment.next | (assignment.skipped << 32)


@internal
@pure
def _unpack_assignment(word: uint256) -> IRecords.Assignment:
    return IRecords.Assignment(
        deal=word & MASK_32,
        peer=(word >> 32) & MASK_32,
        units=(word >> 64) & MASK_16,
        price=(word >> 80) & MASK_48,
        start=(word >> 128) & MASK_32,
        next=(word >> 160) & MASK_32,
        end=(word >> 192) & MASK_32,
        skipped=(word >> 224) & MASK_16,
        run=(word >> 240) & MASK_8,
        state=word >> 248,
    )


@internal
@pure
def _pack_counts(counts: IRecords.Counts) -> uint256:
    assert ((counts.peers | counts.deals) >> 64) | (counts.assignments >> 128) == 0
    return counts.peers | (counts.deals << 64) | (counts.assignments << 128)


@internal
@pure
def _unpack_counts(word: uint256) -> IRecords.Counts:
    return IRecords.Counts(
        peers=word & MASK_64, deals=(word >> 64) & MASK_64, assignments=word >> 128
    )
