"""Name every number and string that has a unit, so that mypy tells them apart."""

from typing import NewType

Amount = NewType("Amount", int)
"""USDC base units (6 decimals)."""

Stake = NewType("Stake", int)
"""FLT base units (18 decimals)."""

Epoch = NewType("Epoch", int)
"""`timestamp // EPOCH_SECONDS`."""

Timestamp = NewType("Timestamp", int)
"""Seconds of the chain's clock (a block's timestamp)."""

BlockNumber = NewType("BlockNumber", int)

PeerId = NewType("PeerId", int)
DealId = NewType("DealId", int)
AssignmentId = NewType("AssignmentId", int)

Address = NewType("Address", str)
"""EIP-55 checksummed, as `kernel.addresses.parse_address` returns it."""

Hash = NewType("Hash", str)
"""32 bytes as `0x` and 64 lower-case hex digits: offers, apps, keys, roots, blocks."""

USDC = 10**6
"""Base units of one USDC."""

FLT = 10**18
"""Base units of one FLT."""


def format_usdc(amount: int) -> str:
    """Write base units as a decimal USDC number with all six digits, exactly."""
    sign = "-" if amount < 0 else ""
    whole, part = divmod(abs(amount), USDC)
    return f"{sign}{whole}.{part:06d}"


def format_flt(stake: int) -> str:
    """Write base units as a decimal FLT number without trailing zeros, exactly."""
    whole, part = divmod(stake, FLT)
    digits = f"{part:018d}".rstrip("0")
    return f"{whole}.{digits}" if digits else str(whole)
