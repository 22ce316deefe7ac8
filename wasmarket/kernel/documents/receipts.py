"""Pack receipts of calls and an epoch's summaries so that a contract can rebuild them (DESIGN 8.5).

Every field takes 32 bytes, big endian: the packing equals ABI encoding.
"""

import struct
from collections.abc import Iterable
from dataclasses import astuple, dataclass, replace
from enum import IntEnum

from wasmarket.kernel.documents.merkle import MerkleTree
from wasmarket.kernel.errors import InvalidInput
from wasmarket.kernel.hashing import sha256

ZERO = bytes(32)
RECEIPT_BYTES = 12 * 32
SUMMARY_BYTES = 9 * 32

_U8 = "31xB"
_U32 = "28xI"
_U64 = "24xQ"
_B32 = "32s"
_RECEIPT = struct.Struct(">" + _U32 * 2 + _U64 + _B32 * 4 + _U8 + _U64 * 3 + _B32)
_DIGESTS = (32,) * 5
_SUMMARY = struct.Struct(">" + _U32 + _U64 + _U32 * 2 + _U64 * 3 + _B32 * 2)


class CallStatus(IntEnum):
    """How a call ended."""

    ANSWERED = 0
    TRAP = 1
    TIME = 2
    MEMORY = 3
    OUTPUT = 4
    REFUSED = 5


@dataclass(frozen=True, slots=True)
class Receipt:
    """One call. Hashes are 32 bytes; `duration_us` microseconds, `time` chain seconds at its start.

    `module` is sha256 of the facade's bytes, `function` comes from `function_hash`, `fuel` is 0 if
    unmetered, `previous` is the hash of the assignment's last receipt, ZERO for the first.
    """

    deal: int
    assignment: int
    sequence: int
    module: bytes
    function: bytes
    input: bytes
    output: bytes
    status: CallStatus
    fuel: int
    duration_us: int
    time: int
    previous: bytes


@dataclass(frozen=True, slots=True)
class Summary:
    """What one assignment ran in one epoch; when idle `count` is 0 and `receipts_root` ZERO."""

    peer: int
    epoch: int
    assignment: int
    deal: int
    first_sequence: int
    count: int
    fuel: int
    receipts_root: bytes
    chain_head: bytes


def function_hash(service: str, function: str) -> bytes:
    """Return what a receipt calls a function: sha256 of `service.function`."""
    return sha256(f"{service}.{function}".encode())


def pack_receipt(receipt: Receipt) -> bytes:
    """Return the 384 bytes of a receipt. Raises InvalidInput for a field out of range."""
    r = receipt
    return pack_fields(
        r.deal,
        r.assignment,
        r.sequence,
        r.module,
        r.function,
        r.input,
        r.output,
        r.status,
        r.fuel,
        r.duration_us,
        r.time,
        r.previous,
    )


def pack_fields(
    deal: int,
    assignment: int,
    sequence: int,
    module: bytes,
    function: bytes,
    input_hash: bytes,
    output_hash: bytes,
    status: int,
    fuel: int,
    duration_us: int,
    time: int,
    previous: bytes,
) -> bytes:
    """Pack the fields of a `Receipt` as `pack_receipt` does, without making one."""
    digests = len(module), len(function), len(input_hash), len(output_hash), len(previous)
    if digests != _DIGESTS:
        _check_digests(module, function, input_hash, output_hash, previous)
    try:
        return _RECEIPT.pack(
            deal,
            assignment,
            sequence,
            module,
            function,
            input_hash,
            output_hash,
            status,
            fuel,
            duration_us,
            time,
            previous,
        )
    except struct.error as error:
        raise InvalidInput(f"a receipt's field is out of range: {error}") from error


def unpack_receipt(data: bytes) -> Receipt:
    """Read the 384 bytes of a receipt. Raises InvalidInput for what pack_receipt never writes."""
    if len(data) != RECEIPT_BYTES:
        raise InvalidInput(f"a receipt has {RECEIPT_BYTES} bytes, this has {len(data)}")
    fields = _RECEIPT.unpack(data)
    if _RECEIPT.pack(*fields) != data:
        raise InvalidInput("a receipt's number does not fit its type")
    try:
        status = CallStatus(fields[7])
    except ValueError as error:
        raise InvalidInput(f"{fields[7]} is no status of a call", field="status") from error
    return replace(Receipt(*fields), status=status)


def receipt_hash(packed: bytes) -> bytes:
    """Return sha256 of a packed receipt: the `previous` of the next one, the chain's head."""
    return sha256(packed)


def pack_summary(summary: Summary) -> bytes:
    """Return the 288 bytes of a summary. Raises InvalidInput for a field out of range."""
    _check_digests(summary.receipts_root, summary.chain_head)
    try:
        return _SUMMARY.pack(*astuple(summary))
    except struct.error as error:
        raise InvalidInput(f"a summary's field is out of range: {error}") from error


def unpack_summary(data: bytes) -> Summary:
    """Read the 288 bytes of a summary. Raises InvalidInput for what pack_summary never writes."""
    if len(data) != SUMMARY_BYTES:
        raise InvalidInput(f"a summary has {SUMMARY_BYTES} bytes, this has {len(data)}")
    fields = _SUMMARY.unpack(data)
    if _SUMMARY.pack(*fields) != data:
        raise InvalidInput("a summary's number does not fit its type")
    return Summary(*fields)


def receipts_root(packed: Iterable[bytes]) -> bytes:
    """Return the root over an assignment's packed receipts in order of sequence, ZERO for none."""
    tree = MerkleTree(packed)
    return tree.root if len(tree) else ZERO


def epoch_tree(summaries: Iterable[Summary]) -> MerkleTree:
    """Return the tree over summaries by assignment; its root is what the peer commits.

    Raises InvalidInput when they are not of one peer and epoch, or an assignment appears twice.
    """
    ordered = sorted(summaries, key=lambda summary: summary.assignment)
    if len({(s.peer, s.epoch) for s in ordered}) > 1:
        raise InvalidInput("the summaries are not of one peer and epoch")
    if len({s.assignment for s in ordered}) != len(ordered):
        raise InvalidInput("an assignment has two summaries", field="assignment")
    return MerkleTree(pack_summary(summary) for summary in ordered)


def epoch_root(summaries: Iterable[Summary]) -> bytes:
    """Return the root that a peer commits for an epoch. Raises as epoch_tree."""
    return epoch_tree(summaries).root


def _check_digests(*digests: bytes) -> None:
    # struct pads short byte strings and cuts long ones without a word.
    for digest in digests:
        if len(digest) != 32:
            raise InvalidInput(f"a hash has 32 bytes, this has {len(digest)}")
