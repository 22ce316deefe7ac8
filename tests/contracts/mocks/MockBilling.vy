# pragma version 0.4.3
"""
@title Mock billing
@license Apache-2.0
@notice Opens the arithmetic of time and money, so that each formula can be tried by itself.
"""

from contracts.interfaces import IRecords
from contracts.modules import billing
from contracts.modules import epochs
from contracts.modules import packing
from contracts.modules import proving

initializes: epochs
initializes: proving[epochs := epochs]


@deploy
def __init__(proofs: address, window: uint256):
    epochs.__init__(10, window)
    proving.__init__(proofs, 1, 1, 1)


@external
@pure
def settle(record: IRecords.Deal, epoch: uint256) -> (IRecords.Deal, uint256):
    return billing._settle(packing._pack_deal(record), epoch)


@external
@pure
def share(rate: uint256, skipped: uint256) -> uint256:
    return billing._share(rate, skipped)


@external
@pure
def put_aside(record: IRecords.Assignment) -> uint256:
    return billing._put_aside(record)


@external
@pure
def due(price: uint256, work: uint256) -> uint256:
    return billing._due(price, work)


@external
@view
def claimable(
    record: IRecords.Assignment, end: uint256, epoch: uint256
) -> (uint256, uint256, uint256):
    return proving._claimable(record, end, epoch)
