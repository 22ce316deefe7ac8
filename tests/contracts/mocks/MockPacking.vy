# pragma version 0.4.3
"""
@title Mock packing
@license Apache-2.0
@notice Opens the packing module, so that each pair can be tested for itself.
"""

from contracts.interfaces import IRecords
from contracts.modules import packing


struct Account:
    free: uint256
    counter: uint256


@external
@pure
def account(record: Account) -> (uint256, Account):
    word: uint256 = packing._pack_account(record.free, record.counter)
    back: Account = empty(Account)
    back.free, back.counter = packing._unpack_account(word)
    return word, back


@external
@pure
def offer(record: IRecords.OfferState) -> (uint256, IRecords.OfferState):
    word: uint256 = packing._pack_offer(record)
    return word, packing._unpack_offer(word)


@external
@pure
def peer(record: IRecords.Peer) -> (uint256, IRecords.Peer):
    word: uint256 = packing._pack_peer(record)
    return word, packing._unpack_peer(word)


@external
@pure
def peer_extra(record: IRecords.PeerExtra) -> (uint256, IRecords.PeerExtra):
    word: uint256 = packing._pack_peer_extra(record)
    return word, packing._unpack_peer_extra(word)


@external
@pure
def deal(record: IRecords.Deal) -> (uint256, IRecords.Deal):
    word: uint256 = packing._pack_deal(record)
    return word, packing._unpack_deal(word)


@external
@pure
def assignment(record: IRecords.Assignment) -> (uint256, IRecords.Assignment):
    word: uint256 = packing._pack_assignment(record)
    return word, packing._unpack_assignment(word)


@external
@pure
def start(word: uint256, epoch: uint256, skipped: uint256) -> uint256:
    return packing._start_assignment(word, epoch, skipped)


@external
@pure
def meter(word: uint256, epoch: uint256) -> uint256:
    return packing._meter_assignment(word, epoch)


@external
@pure
def advance(word: uint256, next: uint256) -> uint256:
    return packing._advance_assignment(word, next)


@external
@pure
def pay(word: uint256, paid: uint256) -> uint256:
    return packing._pay_assignment(word, paid)


@external
@pure
def counts(record: IRecords.Counts) -> (uint256, IRecords.Counts):
    word: uint256 = packing._pack_counts(record)
    return word, packing._unpack_counts(word)
