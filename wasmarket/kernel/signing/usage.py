"""What is signed about usage: vouchers by a deal's meter, heads by a peer's wallet (LAW 3).

Both are signed under Market's domain, by key accounts alone (no EIP-1271).
"""

from dataclasses import dataclass

from wasmarket.kernel.errors import InvalidInput, InvalidSignature
from wasmarket.kernel.signing.signatures import Signature, parse_signature, recover, sign
from wasmarket.kernel.signing.typed_data import Domain, digest, hash_head, hash_usage
from wasmarket.kernel.units import Address

MAX_WORK = 2**96
"""Vouchers for so much work or more count for nothing."""


@dataclass(frozen=True, slots=True)
class AssignmentUsage:
    """All the work that an assignment was ever used for, of which its deal's meter is sure."""

    assignment: int
    work: int


@dataclass(frozen=True, slots=True)
class Voucher:
    """A usage with its meter's signature, as `Meter.redeem` takes it."""

    usage: AssignmentUsage
    signature: Signature


@dataclass(frozen=True, slots=True)
class ReceiptHead:
    """The promise of a peer that its receipt number `sequence` has this sha256."""

    assignment: int
    sequence: int
    receipt: bytes


def sign_usage(domain: Domain, usage: AssignmentUsage, key: bytes) -> Voucher:
    """Sign a usage with the meter's key. Raises InvalidInput for work that no voucher takes."""
    if not 0 < usage.work < MAX_WORK:
        raise InvalidInput(f"{usage.work} is no work to sign for", field="work")
    return Voucher(usage, sign(digest(domain, hash_usage(usage.assignment, usage.work)), key))


def signer_of_voucher(domain: Domain, voucher: Voucher) -> Address:
    """Return who signed a voucher. Raises InvalidSignature."""
    usage = voucher.usage
    if not 0 < usage.work < MAX_WORK:
        raise InvalidSignature(f"no voucher is for {usage.work} work", field="work")
    return recover(digest(domain, hash_usage(usage.assignment, usage.work)), voucher.signature)


def sign_head(domain: Domain, head: ReceiptHead, key: bytes) -> Signature:
    """Sign a head with the key of the peer's wallet."""
    return sign(digest(domain, hash_head(head.assignment, head.sequence, head.receipt)), key)


def signer_of_head(domain: Domain, head: ReceiptHead, signature: Signature) -> Address:
    """Return who signed a head. Raises InvalidSignature."""
    return recover(
        digest(domain, hash_head(head.assignment, head.sequence, head.receipt)), signature
    )


def dump_voucher(voucher: Voucher) -> str:
    """Write a voucher as the header `Wasmarket-Usage` has it: assignment:work:signature."""
    return f"{voucher.usage.assignment}:{voucher.usage.work}:{voucher.signature.to_hex()}"


def parse_voucher(text: str) -> Voucher:
    """Read a voucher. Raises InvalidInput, InvalidSignature."""
    parts = text.split(":")
    numbers = parts[:2]
    if len(parts) != 3 or not all(n.isascii() and n.isdigit() and len(n) < 40 for n in numbers):
        raise InvalidInput(
            "this is no voucher", field="usage", remedy="give assignment:work:signature"
        )
    return Voucher(AssignmentUsage(int(parts[0]), int(parts[1])), parse_signature(parts[2]))
