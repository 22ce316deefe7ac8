# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Docket
@license Apache-2.0
@notice One pack and unpack pair for each record that Audits keeps in a single word, low bits first.
"""

from ..interfaces import IAudits
from . import packing

MASK_40: constant(uint256) = 2**40 - 1


@internal
@pure
def _pack_case(record: IAudits.Case) -> uint256:
    assert (
        ((record.kind | record.state | record.outcome) >> 8)
        | ((record.assignment | record.peer | record.seats) >> 32)
        | ((record.since | record.block) >> 40)
    ) == 0
    return (
        record.kind
        | (record.state << 8)
        | (record.assignment << 16)
        | (record.peer << 48)
        | (record.since << 80)
        | (record.block << 120)
        | (record.seats << 160)
        | (record.outcome << 192)
    )


@internal
@pure
def _unpack_case(word: uint256) -> IAudits.Case:
    return IAudits.Case(
        kind=word & packing.MASK_8,
        state=(word >> 8) & packing.MASK_8,
        assignment=(word >> 16) & packing.MASK_32,
        peer=(word >> 48) & packing.MASK_32,
        since=(word >> 80) & MASK_40,
        block=(word >> 120) & MASK_40,
        seats=(word >> 160) & packing.MASK_32,
        outcome=word >> 192,
    )


@internal
@pure
def _pack_juror(juror: IAudits.Juror) -> uint256:
    assert (
        (juror.peer >> 32)
        | ((juror.since | juror.quit) >> 40)
        | (juror.fines >> 8)
        | (juror.cases >> 16)
    ) == 0
    return (
        juror.peer
        | (juror.since << 32)
        | (juror.quit << 72)
        | (juror.fines << 112)
        | (juror.cases << 120)
    )


@internal
@pure
def _unpack_juror(word: uint256) -> IAudits.Juror:
    return IAudits.Juror(
        peer=word & packing.MASK_32,
        since=(word >> 32) & MASK_40,
        quit=(word >> 72) & MASK_40,
        fines=(word >> 112) & packing.MASK_8,
        cases=word >> 120,
    )
