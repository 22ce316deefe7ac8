"""Heads as they travel: a receipt's number and hash with the signature of the peer's wallet."""

from dataclasses import dataclass

from wasmarket.kernel.errors import InvalidInput
from wasmarket.kernel.signing.signatures import Signature, parse_signature
from wasmarket.kernel.signing.usage import ReceiptHead

SHA256_DIGITS = 64


@dataclass(frozen=True, slots=True)
class SignedHead:
    """A head and the wallet's signature of it."""

    head: ReceiptHead
    signature: Signature


def dump_head(signed: SignedHead) -> str:
    """Write a head as `Wasmarket-Head` has it: assignment:sequence:sha256:signature."""
    head = signed.head
    return f"{head.assignment}:{head.sequence}:{head.receipt.hex()}:{signed.signature.to_hex()}"


def parse_head(text: str) -> SignedHead:
    """Read a head. Raises InvalidInput, InvalidSignature."""
    parts = text.split(":")
    numbers = parts[:2]
    is_whole = len(parts) == 4 and all(n.isascii() and n.isdigit() and len(n) < 40 for n in numbers)
    try:
        receipt = bytes.fromhex(parts[2]) if is_whole and len(parts[2]) == SHA256_DIGITS else None
    except ValueError:
        receipt = None
    if receipt is None:
        raise InvalidInput(
            "this is no head", field="head", remedy="give assignment:sequence:sha256:signature"
        )
    return SignedHead(ReceiptHead(int(parts[0]), int(parts[1]), receipt), parse_signature(parts[3]))
