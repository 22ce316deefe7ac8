"""What every deal's host needs from the peer."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from peer.hosting.sources import SourceHints
from peer.hosting.versions import Preparer
from peer.policy_file import PolicyFile
from peer.receipts.book import ReceiptBook
from peer.runtime.effectors.host import EffectorHost


@dataclass(frozen=True, slots=True)
class Tools:
    """The peer's own parts; a deal's host uses them, and reports through `changed`."""

    preparer: Preparer
    policy: PolicyFile
    book: ReceiptBook
    hints: SourceHints
    gateways: tuple[str, ...]
    cache: Path
    effectors: EffectorHost
    starting: asyncio.Semaphore
    """How many deals may start workers at once."""
    retry_seconds: float
    log_bytes: int
    """Most bytes of a deal's log."""
    now_epoch: Callable[[], int] = lambda: -1
    changed: Callable[[], None] = lambda: None
    """Called when readiness or a refusal changed."""
