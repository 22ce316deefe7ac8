"""What every deal's host needs from the peer."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peer.documents.sharing import SharingDeal
from peer.hosting.sources import SourceHints
from peer.hosting.versions import Preparer
from peer.policy.file import PolicyFile
from peer.receipts.receipt_log import ReceiptLog
from peer.runtime.effectors.host import EffectorHost
from peer.runtime.workers.spawner import WorkerSpawner
from wasmarket.kernel.signing.secrets import SecretOpener


@dataclass(frozen=True, slots=True)
class DealContext:
    """The peer's own parts; a deal's host uses them, and reports through `changed`."""

    preparer: Preparer
    policy: PolicyFile
    book: ReceiptLog
    hints: SourceHints
    gateways: tuple[str, ...]
    cache: Path
    effectors: EffectorHost
    spawner: WorkerSpawner
    idle_seconds: float
    """How long a worker without calls is kept; 0 = for ever."""
    starting: asyncio.Semaphore
    """How many deals may start workers at once."""
    retry_seconds: float
    reserve_bytes: int
    """Bytes of the disk that services leave free."""
    log_bytes: int
    """Most bytes of a deal's log."""
    ask_documents: Callable[[SharingDeal], Awaitable[None]]
    """Asks a deal's other peers who may call, what is paused, which secrets there are."""
    opener: SecretOpener
    """Opens what is sealed to this peer."""
    check_host: Callable[[], Awaitable[None]]
    """Waits until it is known whether guests can be run here; raises MarketError if not."""
    now_epoch: Callable[[], int] = lambda: -1
    before_end: Callable[[Any, Any], Awaitable[None]] | None = None
    """Waited for with the deal and its last run before the run's workers end."""
    changed: Callable[[], None] = lambda: None
    """Called when readiness or a refusal changed."""
