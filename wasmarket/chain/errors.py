"""Errors that only a chain has, and the reasons that contracts give."""

import re
from typing import Any, ClassVar

from wasmarket.kernel.errors import Conflict, LimitReached, MarketError, Reverted, TimedOut

ERROR_STRING = bytes.fromhex("08c379a0")
PANIC = bytes.fromhex("4e487b71")
EXECUTION_ERROR = 3
"""The code that nodes give to a reverted call (EIP-1474 has none)."""

_MESSAGE = re.compile(r"execution reverted:?\s*(?P<reason>.*)", re.IGNORECASE | re.DOTALL)


class RpcError(MarketError):
    """Node refused the request"""

    slug: ClassVar[str] = "rpc"

    def __init__(self, detail: str, *, code: int, data: Any = None) -> None:
        """Keep the node's message, its JSON-RPC error code and its data."""
        super().__init__(detail)
        self.code = code
        self.data = data


class ContradictoryAnswer(RpcError):
    """Contradictory answer"""

    slug: ClassVar[str] = "contradictory-answer"

    def __init__(self, detail: str, *, remedy: str) -> None:
        """Say which answer it is, and what to do when it does not pass."""
        super().__init__(detail, code=0)
        self.remedy = remedy


class GasTooDear(LimitReached):
    """Gas costs more than is allowed"""

    slug: ClassVar[str] = "gas-too-dear"


class ReorgTooDeep(Conflict):
    """The chain changed deeper than can be undone"""

    slug: ClassVar[str] = "reorg-too-deep"


def to_reverted(error: RpcError, description: str = "the call") -> Reverted | None:
    """Read a node's error as a contract's refusal; None if it is something else."""
    data = _revert_data(error.data)
    match = _MESSAGE.search(error.detail)
    if error.code != EXECUTION_ERROR and data is None and match is None:
        return None
    reason = read_reason(data) if data else ""
    if not reason and match is not None and not data:
        reason = match["reason"].strip()
    return build_reverted(description, reason)


def build_reverted(description: str, reason: str) -> Reverted:
    """Say which call was refused and why."""
    why = reason or "no reason given"
    return Reverted(f"{description} was refused: {why}", reason=reason)


class NonceGap(TimedOut):
    """Waits behind a lost transaction"""

    slug: ClassVar[str] = "nonce-gap"


def read_reason(data: bytes) -> str:
    """Return the text of `Error(string)`, a panic's code, or the bytes in hex."""
    if data[:4] == ERROR_STRING and len(data) >= 68:
        size = int.from_bytes(data[36:68], "big")
        return data[68 : 68 + min(size, len(data))].decode("utf-8", "replace")
    if data[:4] == PANIC and len(data) >= 36:
        return f"panic {int.from_bytes(data[4:36], 'big')}"
    return "0x" + data.hex() if data else ""


def _revert_data(data: Any) -> bytes | None:
    if isinstance(data, dict):
        data = data.get("data") or data.get("result")
    if not isinstance(data, str) or not data.startswith("0x"):
        return None
    try:
        return bytes.fromhex(data[2:])
    except ValueError:
        return None
