"""Let go of what a peer need not keep any more: storage, receipts, blocks, laid-out modules.

Nothing that a live assignment needs is touched: what the chain said last is asked, not what this
process happens to run.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from peer.chain_state.view import ChainView
from peer.documents.pauses import FILE as PAUSES_FILE
from peer.documents.secret_store import FILE as SECRETS_FILE
from peer.duties.commitments import Commitments
from peer.folder import PeerFolder, write_atomically
from peer.hosting.deal_host import VERSION_FILE
from peer.hosting.host import Host
from peer.hosting.wanted import find_wanted
from peer.receipts.receipt_log import ReceiptLog
from peer.runtime.effectors.host import EffectorHost
from peer.runtime.module.code_files import prune_code
from peer.runtime.sandbox.folder_walk import Unsteady, Usage, measure, remove, size_of
from wasmarket.content.folder import BlockFolder
from wasmarket.content.retention import remove_unneeded
from wasmarket.kernel.addresses import parse_hash
from wasmarket.kernel.errors import InvalidInput, MarketError
from wasmarket.kernel.units import Hash

logger = logging.getLogger(__name__)

OVER_FILE = "over"
"""Holds the chain time since which a deal is not wanted here."""

GONE_PREFIX = ".gone-"
KEPT_FOREVER = frozenset({"access.json", "access.signed.json", PAUSES_FILE, OVER_FILE})
"""Who may call is no storage: a deal that comes back must not be open to everybody, nor fire what
its developer has paused."""

REMOVED_AT_ONCE = 50_000
"""Names of one deal's storage that are removed in a turn; the rest goes in the next ones."""
COUNTED_AT_ONCE = Usage(2**63, 100_000)

GRACE_SECONDS = 600.0
"""Age from which on a file that nobody is known to need is removed."""


@dataclass(frozen=True, slots=True)
class Retention:
    """How long things stay: chain seconds for storage, epochs after the final one for receipts."""

    storage_seconds: int
    receipt_epochs: int
    proof_window: int
    code_bytes: int
    """Compiled code of modules that nothing here needs now."""
    grace_seconds: float = GRACE_SECONDS


@dataclass(frozen=True, slots=True)
class KeptStorage:
    """Storage of a deal that is over here: its bytes, and the chain time until when it stays."""

    deal: int
    bytes: int
    until: int


class StorageRetention:
    """Sweeps every so often, on the event loop; file work is done in threads."""

    def __init__(
        self,
        folder: PeerFolder,
        blocks: BlockFolder,
        host: Host,
        book: ReceiptLog,
        effectors: EffectorHost,
        commitments: Commitments,
        prune_copies: Sequence[Callable[[int], object]],
        retention: Retention,
    ) -> None:
        """`prune_copies` remove epochs below the given one from places elsewhere."""
        self._folder = folder
        self._blocks = blocks
        self._host = host
        self._book = book
        self._effectors = effectors
        self._commitments = commitments
        self._prune_copies = prune_copies
        self._retention = retention
        self.kept: tuple[KeptStorage, ...] = ()

    async def sweep(self) -> None:
        """Sweep once; nothing before the chain was read."""
        chain_view = self._host.chain_view
        if chain_view is None:
            return
        keep = self._retention
        before = chain_view.epoch - 1 - keep.proof_window - keep.receipt_epochs
        live = frozenset(chain_view.assignments)
        problems = _Problems()
        gone = await self._set_aside(chain_view, problems)
        # One that fails must not keep the others: what they remove may be the room it lacks.
        steps: tuple[Callable[[], object], ...] = (
            lambda: _remove_all(gone),
            self._count_kept,
            lambda: self._book.prune(before, live),
            lambda: self._commitments.prune(before),
            *(partial(prune, before) for prune in self._prune_copies),
            lambda: self._collect(find_needed(chain_view, self._folder)),
        )
        for step in steps:
            with problems.collected():
                await asyncio.to_thread(step)
        problems.raise_first()

    async def _set_aside(self, chain_view: ChainView, problems: "_Problems") -> list[Path]:
        """Move away what was kept long enough, before anybody can want it again."""
        gone = list(self._folder.services.glob(f"{GONE_PREFIX}*"))
        for path in self._deal_folders():
            with problems.collected():
                gone += await self._set_aside_deal(path, chain_view)
        return gone

    async def _set_aside_deal(self, path: Path, chain_view: ChainView) -> list[Path]:
        deal, over, now = int(path.name), path / OVER_FILE, chain_view.head.timestamp
        if self._is_wanted(deal, chain_view):
            over.unlink(missing_ok=True)
            return []
        (path / SECRETS_FILE).unlink(missing_ok=True)
        since = _read_since(over)
        if since is None:
            write_atomically(over, str(now).encode())
            return []
        if now - since < self._retention.storage_seconds:
            return []
        await self._effectors.forget(path, self._deal_folders())
        # The chain may have brought it back meanwhile.
        if self._is_wanted(deal, self._host.chain_view or chain_view):
            return []
        return self._move(path)

    def _move(self, path: Path) -> list[Path]:
        entries = [entry for entry in path.iterdir() if entry.name not in KEPT_FOREVER]
        moved = []
        for entry in entries:
            target = path.parent / f"{GONE_PREFIX}{path.name}-{entry.name}"
            if not target.exists():
                entry.rename(target)
                moved.append(target)
        if entries:
            logger.info("storage removed", extra={"deal": int(path.name)})
            host = self._host.deals.get(int(path.name))
            if host is not None:
                host.tally.log.forget()
        return moved

    def _is_wanted(self, deal: int, chain_view: ChainView) -> bool:
        host = self._host.deals.get(deal)
        if host is not None and host.runs:
            return True
        found = chain_view.deals.get(deal)
        held = {i: a for i, a in chain_view.assignments.items() if a.deal == deal}
        return found is not None and bool(find_wanted(held, found, chain_view.epoch))

    def _count_kept(self) -> None:
        kept = []
        for path in self._deal_folders():
            since = _read_since(path / OVER_FILE)
            if since is None:
                continue
            size = _size(path)
            if size:
                until = since + self._retention.storage_seconds
                kept.append(KeptStorage(int(path.name), size, until))
        self.kept = tuple(sorted(kept, key=lambda entry: entry.deal))

    def _collect(self, needed: set[Hash]) -> None:
        removed = remove_unneeded(self._blocks, needed, self._retention.grace_seconds)
        if removed:
            logger.info("blocks removed", extra={"count": len(removed)})
        modules = [
            module
            for host in list(self._host.deals.values())
            for version in [host.version, *(run.workers.version for run in host.runs.values())]
            if version is not None
            for spec in version.specs
            for module in spec.modules
        ]
        laid_out = {module.path for module in modules}
        for path in (self._folder.cache / "modules").glob("*.wasm"):
            if path not in laid_out and _age(path) >= self._retention.grace_seconds:
                path.unlink(missing_ok=True)
        keep = self._retention
        digests = {module.digest for module in modules}
        pruned = prune_code(self._folder.cache, digests, keep.code_bytes, keep.grace_seconds)
        if pruned:
            logger.info("compiled code removed", extra={"count": len(pruned)})

    def _deal_folders(self) -> list[Path]:
        return [path for path in self._folder.services.iterdir() if path.name.isdecimal()]


def find_needed(chain_view: ChainView, folder: PeerFolder) -> set[Hash]:
    """Return the apps whose blocks a peer needs: of deals with a live assignment, and of those
    whose storage is kept, as what ran last and as the chain names them now.
    """
    alive = {a.deal for a in chain_view.assignments.values()}
    needed = {chain_view.deals[deal].app for deal in alive if deal in chain_view.deals}
    for path in folder.services.glob(f"*/{VERSION_FILE}"):
        try:
            needed.add(parse_hash(path.read_text().strip()))
        except (OSError, InvalidInput):
            continue
    return needed


class _Problems:
    """What went wrong in a turn: the first is raised once all was tried."""

    def __init__(self) -> None:
        self._first: Exception | None = None

    @contextmanager
    def collected(self) -> Iterator[None]:
        try:
            yield
        except (MarketError, OSError, Unsteady) as error:
            logger.warning("not everything was swept", extra={"why": str(error)})
            self._first = self._first or error

    def raise_first(self) -> None:
        if self._first is not None:
            raise self._first


def _remove_all(paths: Iterable[Path]) -> None:
    """Remove what fits one turn; the rest is found again in the next one."""
    for path in paths:
        if not remove(path, REMOVED_AT_ONCE):
            return


def _read_since(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (FileNotFoundError, ValueError):
        return None


def _size(path: Path) -> int:
    """Return the bytes of a deal's storage and logs, as far as one turn can count them."""
    total = 0
    for entry in path.iterdir():
        if entry.name in KEPT_FOREVER:
            continue
        total += size_of(entry.lstat())
        if entry.is_dir() and not entry.is_symlink():
            with suppress(Unsteady, FileNotFoundError):
                total += measure(entry, COUNTED_AT_ONCE).bytes
    return total


def _age(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
