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
RECEIPT_BYTES = 13 * 32
SUMMARY_BYTES = 10 * 32

WORK_CALL = 1_000_000
"""Work of a call that did nothing: an instance, hashing and a receipt take about 1 ms of a core."""

WORK_BYTE = 16
"""Work of a byte of input or output: two passes of SHA-256, copies and JSON."""

_U8 = "31xB"
_U32 = "28xI"
_U64 = "24xQ"
_B32 = "32s"
_RECEIPT = struct.Struct(">" + _U32 * 2 + _U64 + _B32 * 4 + _U8 + _U64 * 4 + _B32)
_DIGESTS = (32,) * 5
_VALUE = struct.Struct(">" + _B32 + _U8 + _U64 * 2)
_SUMMARY = struct.Struct(">" + _U32 + _U64 + _U32 * 2 + _U64 * 4 + _B32 * 2)


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

    `app` is the digest of the manifest, `function` comes from `function_hash`, `fuel` is 0 if
    nobody counts it, `size` is the length of input and output together, `previous` is the hash of
    the assignment's last receipt, ZERO for the first.
    """

    deal: int
    assignment: int
    sequence: int
    app: bytes
    function: bytes
    input: bytes
    output: bytes
    status: CallStatus
    fuel: int
    size: int
    duration_us: int
    time: int
    previous: bytes


@dataclass(frozen=True, slots=True)
class Summary:
    """What one assignment ran in one epoch; when idle `count` is 0 and `receipts_root` ZERO.

    `fuel` and `work` are sums over its receipts, `first_sequence` is the next one's when idle,
    `chain_head` the hash of the last receipt ever, ZERO before the first.
    """

    peer: int
    epoch: int
    assignment: int
    deal: int
    first_sequence: int
    count: int
    fuel: int
    work: int
    receipts_root: bytes
    chain_head: bytes


def function_hash(service: str, function: str) -> bytes:
    """Return what a receipt calls a function: sha256 of `service.function`."""
    return sha256(f"{service}.{function}".encode())


def call_work(status: int, fuel: int, size: int) -> int:
    """Return what a call counts for in a metered deal; refused calls count for nothing."""
    return 0 if status == CallStatus.REFUSED else WORK_CALL + fuel + WORK_BYTE * size


def value_digest(output: bytes, status: int, fuel: int, size: int) -> bytes:
    """Return what re-execution must give again: sha256(output ‖ status ‖ fuel ‖ size).

    `output` is the digest of the output. Raises InvalidInput for a field out of range.
    """
    _check_digests(output)
    try:
        return sha256(_VALUE.pack(output, status, fuel, size))
    except struct.error as error:
        raise InvalidInput(f"a value's field is out of range: {error}") from error


def pack_receipt(receipt: Receipt) -> bytes:
    """Return the 416 bytes of a receipt. Raises InvalidInput for a field out of range."""
    r = receipt
    return pack_fields(
        r.deal,
        r.assignment,
        r.sequence,
        r.app,
        r.function,
        r.input,
        r.output,
        r.status,
        r.fuel,
        r.size,
        r.duration_us,
        r.time,
        r.previous,
    )


def pack_fields(
    deal: int,
    assignment: int,
    sequence: int,
    app: bytes,
    function: bytes,
    input_hash: bytes,
    output_hash: bytes,
    status: int,
    fuel: int,
    size: int,
    duration_us: int,
    time: int,
    previous: bytes,
) -> bytes:
    """Pack the fields of a `Receipt` as `pack_receipt` does, without making one."""
    digests = len(app), len(function), len(input_hash), len(output_hash), len(previous)
    if digests != _DIGESTS:
        _check_digests(app, function, input_hash, output_hash, previous)
    try:
        return _RECEIPT.pack(
            deal,
            assignment,
            sequence,
            app,
            function,
            input_hash,
            output_hash,
            status,
            fuel,
            size,
            duration_us,
            time,
            previous,
        )
    except struct.error as error:
        raise InvalidInput(f"a receipt's field is out of range: {error}") from error


def unpack_receipt(data: bytes) -> Receipt:
    """Read the 416 bytes of a receipt. Raises InvalidInput for what pack_receipt never writes."""
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
    """Return the 320 bytes of a summary. Raises InvalidInput for a field out of range."""
    _check_digests(summary.receipts_root, summary.chain_head)
    try:
        return _SUMMARY.pack(*astuple(summary))
    except struct.error as error:
        raise InvalidInput(f"a summary's field is out of range: {error}") from error


def unpack_summary(data: bytes) -> Summary:
    """Read the 320 bytes of a summary. Raises InvalidInput for what pack_summary never writes."""
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
