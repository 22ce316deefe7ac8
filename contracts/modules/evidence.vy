# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Evidence
@license Apache-2.0
@notice Summaries and receipts: their fields, their hashes, and whether a root holds them.
@dev Trees as in RFC 6962: leaf sha256(00 ‖ data), node sha256(01 ‖ left ‖ right), an odd last node
     is lifted unchanged. Place and size fix the shape of a path, so that a leaf has one only.
"""

from ..interfaces import IAudits

# Fields of a summary.
PEER: constant(uint256) = 0
EPOCH: constant(uint256) = 1
ASSIGNMENT: constant(uint256) = 2
DEAL: constant(uint256) = 3
FIRST: constant(uint256) = 4
COUNT: constant(uint256) = 5
FUEL: constant(uint256) = 6
WORK: constant(uint256) = 7
ROOT: constant(uint256) = 8
HEAD: constant(uint256) = 9

# Fields of a receipt.
CALL_DEAL: constant(uint256) = 0
CALL_ASSIGNMENT: constant(uint256) = 1
SEQUENCE: constant(uint256) = 2
OUTPUT: constant(uint256) = 6
STATUS: constant(uint256) = 7
CALL_FUEL: constant(uint256) = 8
BYTES: constant(uint256) = 9
TIME: constant(uint256) = 11
PREVIOUS: constant(uint256) = 12

# Status of a call that was refused: it did no work and has no value.
REFUSED: constant(uint256) = 5
WORK_PER_CALL: constant(uint256) = 1_000_000
WORK_PER_BYTE: constant(uint256) = 16

MAX_PATH: constant(uint256) = 32
MAX_SIZE: constant(uint256) = 2**32


@internal
@pure
def _check_summed(
    summed: IAudits.Summed, peer: uint256, epoch: uint256, assignment: uint256, root: bytes32
):
    """
    @dev Insist that the root which a peer committed to for an epoch holds this summary.
    """
    leaf: bytes32 = sha256(concat(x"00", abi_encode(summed.fields)))
    assert (
        summed.fields[PEER] == peer
        and summed.fields[EPOCH] == epoch
        and summed.fields[ASSIGNMENT] == assignment
        and self._root(leaf, summed.place, summed.size, summed.path) == root
    ), "audits: wrong summary"


@internal
@pure
def _check_called(called: IAudits.Called, summary: uint256[10]):
    """
    @dev Insist that the receipts root of a summary holds this receipt.
    """
    leaf: bytes32 = sha256(concat(x"00", abi_encode(called.fields)))
    assert (
        self._root(leaf, called.place, summary[COUNT], called.path)
        == convert(summary[ROOT], bytes32)
    ), "audits: wrong receipt"


@internal
@pure
def _holds(summary: uint256[10], sequence: uint256) -> bool:
    """
    @dev Whether a summary says that it holds the receipt of a sequence. Cannot overflow.
    """
    return sequence >= summary[FIRST] and sequence - summary[FIRST] < summary[COUNT]


@internal
@pure
def _receipt_hash(receipt: uint256[13]) -> bytes32:
    return sha256(abi_encode(receipt))


@internal
@pure
def _value(receipt: uint256[13]) -> bytes32:
    """
    @dev What running the call again must give: output, status, fuel and bytes.
    """
    return sha256(abi_encode(receipt[OUTPUT], receipt[STATUS], receipt[CALL_FUEL], receipt[BYTES]))


@internal
@pure
def _work(receipt: uint256[13]) -> uint256:
    if receipt[STATUS] == REFUSED:
        return 0
    return WORK_PER_CALL + receipt[CALL_FUEL] + WORK_PER_BYTE * receipt[BYTES]


@internal
@pure
def _root(
    leaf: bytes32, place: uint256, size: uint256, path: DynArray[bytes32, MAX_PATH]
) -> bytes32:
    """
    @dev Root of the tree of `size` leaves that has this one at `place`; reverts if the path is too
         long or too short.
    """
    assert place < size and size <= MAX_SIZE
    node: bytes32 = leaf
    here: uint256 = place
    last: uint256 = size - 1
    used: uint256 = 0
    for level: uint256 in range(MAX_PATH):
        if last == 0:
            break
        if here & 1 == 1:
            node = sha256(concat(x"01", path[used], node))
            used += 1
        elif here < last:
            node = sha256(concat(x"01", node, path[used]))
            used += 1
        here >>= 1
        last >>= 1
    assert used == len(path)
    return node
