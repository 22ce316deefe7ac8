"""All receipt chains of a peer: opened when needed, flushed together, heads signed on demand."""

import asyncio
import logging
import threading
from collections.abc import Callable, Container, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from peer.folder import PeerFolder, write_atomically
from peer.receipts.chain_file import CallRecord, ReceiptChain
from peer.receipts.epoch_files import SUFFIX, ChainHead, EpochFiles
from peer.receipts.heads import HeadSigner
from peer.runtime.sandbox.folder_walk import remove
from wasmarket.kernel.documents.receipts import RECEIPT_BYTES, unpack_receipt
from wasmarket.kernel.errors import MarketError, NotFound
from wasmarket.kernel.signing.heads import SignedHead
from wasmarket.serving.damage import set_aside

logger = logging.getLogger(__name__)

DEAL_FILE = "deal"
REPLACED = "replaced"
"""Folder beside the receipts, for those of a match that the chain took back:
`<number>-<deal>-<offer>`."""

Written = Callable[[ChainHead | Exception], None]
"""Told of a call's receipt, or why there is none."""


class _Owner(NamedTuple):
    """Whose a chain is: a deal's number, and what tells it from another deal of that number."""

    deal: int
    offer: str | None = None

    def may_be(self, other: "_Owner") -> bool:
        """Say whether both can be one deal."""
        known = self.offer is not None and other.offer is not None
        return self.deal == other.deal and (not known or self.offer == other.offer)

    def write(self) -> bytes:
        """Write it as the file of a chain's folder has it."""
        return " ".join((str(self.deal), *filter(None, [self.offer]))).encode()


class ReceiptLog:
    """The chains by assignment. Appending is thread-safe; a loop of its own calls `flush`."""

    def __init__(
        self,
        folder: PeerFolder,
        signer: HeadSigner,
        epoch_seconds: int,
        floor: int,
        copies: Sequence[Path] = (),
    ) -> None:
        """Open what earlier runs left.

        `floor`: first epoch that is not closed yet; `copies`: folders laid out like the peer's.
        """
        self._folder = folder
        self._roots = (folder.path, *copies)
        self.signer = signer
        self._seconds = epoch_seconds
        self._floor = floor
        self._lock = threading.Lock()
        self._chains: dict[int, ReceiptChain] = {}
        self._owners: dict[int, _Owner] = {}
        self._unnamed: set[int] = set()
        self._durable: dict[int, ChainHead] = {}
        self._signed: dict[int, SignedHead] = {}
        self._dirty: set[int] = set()
        self._dirty_lock = threading.Lock()
        self._has_news = False
        self.on_news: Callable[[], object] = lambda: None
        """Called when there is something to flush, once until the next flush; any thread."""
        self._ending: list[tuple[ReceiptChain, CallRecord, Written]] = []
        self.peer = 0
        for path in sorted(folder.receipts.iterdir()):
            if path.name.isdecimal() and (owner := _read_owner(path)) is not None:
                self.open(int(path.name), owner.deal, owner.offer)

    def open(self, assignment: int, deal: int, offer: str | None = None) -> ReceiptChain:
        """Return the chain of an assignment, made if there is none.

        A reorganisation may give its number, and the deal's, to others: the chain of the first is
        put aside, and comes back with it. `offer`: what the deal came of, None: whatever it was.
        Raises OSError.
        """
        wanted = _Owner(deal, offer)
        with self._lock:
            chain = self._chains.get(assignment)
            if chain is not None and not self._owners[assignment].may_be(wanted):
                self._put_aside(chain)
                chain = None
            if chain is None:
                self._bring_back(assignment, wanted)
                path = self._folder.receipts_of(assignment)
                chain = ReceiptChain(path, deal, assignment, self._seconds, self._floor)
                chain.problem = self.signer.check(chain)
                if not (path / DEAL_FILE).exists():
                    self._unnamed.add(assignment)
                self._chains[assignment], self._owners[assignment] = chain, wanted
            elif offer is not None and self._owners[assignment] != wanted:
                # An older version did not write it down.
                self._owners[assignment] = wanted
                self._unnamed.add(assignment)
            self._name_chains(may_fail=True)
            return chain

    def _put_aside(self, chain: ReceiptChain) -> None:
        number = chain.assignment
        logger.warning(
            "another deal has the number of an assignment: the chain took a match back",
            extra={"assignment": number, "deal": chain.deal},
        )
        owner = self._owners.pop(number)
        del self._chains[number]
        self._unnamed.discard(number)
        for kept in (self._durable, self._signed):
            kept.pop(number, None)
        # Whoever still has it must not write into the folder of its successor.
        chain.problem = f"assignment {number} is not one of deal {chain.deal} any more"
        chain.close()
        # The peer's own folder last: a crash between them is gone on with.
        for root in reversed(self._roots):
            source = _receipts_in(root, number)
            if source.exists():
                target = _replaced_in(root, number, owner)
                target.parent.mkdir(parents=True, exist_ok=True)
                if target.exists():
                    remove(target)
                source.rename(target)

    def _bring_back(self, assignment: int, owner: _Owner) -> None:
        for root in self._roots:
            source = _replaced_in(root, assignment, owner)
            if source.exists():
                source.rename(_receipts_in(root, assignment))

    def _name_chains(self, *, may_fail: bool) -> None:
        """Write down whose deal each new chain is. Raises OSError unless it `may_fail`."""
        for assignment in list(self._unnamed):
            path = self._folder.receipts_of(assignment) / DEAL_FILE
            try:
                write_atomically(path, self._owners[assignment].write())
            except OSError:
                if not may_fail:
                    raise
                return
            self._unnamed.discard(assignment)

    def get(self, assignment: int) -> ReceiptChain:
        """Return the chain of an assignment that has one. Raises NotFound."""
        with self._lock:
            chain = self._chains.get(assignment)
        if chain is None:
            raise NotFound(f"assignment {assignment} has no receipts here")
        return chain

    def chains(self) -> list[ReceiptChain]:
        """Return all chains by assignment."""
        with self._lock:
            return [self._chains[assignment] for assignment in sorted(self._chains)]

    def problems(self) -> list[str]:
        """Return why chains do not go on."""
        return [chain.problem for chain in self.chains() if chain.problem]

    def append(self, chain: ReceiptChain, call: CallRecord) -> ChainHead:
        """Add a receipt to a chain and let the next flush make it durable."""
        head = chain.append(call)
        self._mark(chain)
        return head

    def record(self, chain: ReceiptChain, call: CallRecord, written: Written) -> None:
        """Add a receipt as `append` does, by one write with all that end in the same moment.

        For one event loop only; `written` is called in it, behind the caller's back.
        """
        if not self._ending:
            asyncio.get_running_loop().call_soon(self._write_ended)
        self._ending.append((chain, call, written))

    def _write_ended(self) -> None:
        """Write what has ended: neighbours of the same chain and epoch together."""
        ended, self._ending = self._ending, []
        groups: dict[int, tuple[int, ReceiptChain, list[CallRecord], list[Written]]] = {}
        for chain, call, written in ended:
            epoch = call.time // self._seconds
            group = groups.get(chain.assignment)
            if group is None or group[0] != epoch:
                if group is not None:
                    self._write_together(*group[1:])
                group = groups[chain.assignment] = (epoch, chain, [], [])
            group[2].append(call)
            group[3].append(written)
        for _, chain, calls, told in groups.values():
            self._write_together(chain, calls, told)

    def _write_together(
        self, chain: ReceiptChain, calls: list[CallRecord], told: list[Written]
    ) -> None:
        try:
            heads = chain.append_all(calls)
        except (OSError, MarketError) as error:
            for written in told:
                written(error)
            return
        self._mark(chain)
        for written, head in zip(told, heads, strict=True):
            written(head)

    def _mark(self, chain: ReceiptChain) -> None:
        """Let the next flush make a chain durable."""
        with self._dirty_lock:
            self._dirty.add(chain.assignment)
            is_first, self._has_news = not self._has_news, True
        if is_first:
            self.on_news()

    def sign(self, chain: ReceiptChain, head: ChainHead) -> SignedHead:
        """Make a head durable and return it signed. Raises as `HeadSigner.sign`."""
        return self.signer.sign(chain, head)

    def signed_head(self, assignment: int) -> SignedHead | None:
        """Return the newest head that is durable, signed; None before the first flush.

        Raises as `HeadSigner.sign`.
        """
        head = self._durable.get(assignment)
        if head is None or not self.peer:
            return None
        signed = self._signed.get(assignment)
        if signed is None or signed.head.sequence != head.sequence:
            signed = self._signed[assignment] = self.sign(self.get(assignment), head)
        return signed

    def close_epoch(self, epoch: int) -> None:
        """Let no receipt into `epoch` any more, in any chain, and make what is there durable."""
        with self._lock:
            self._floor = max(self._floor, epoch + 1)
            chains = list(self._chains.values())
        problem: OSError | None = None
        for chain in chains:
            chain.close_epoch(epoch)
            try:
                chain.flush()
            except OSError as error:
                problem = error
        if problem is not None:
            raise problem

    def prune(self, before: int, live: Container[int]) -> int:
        """Remove receipts of epochs below `before`; return how many epochs of chains went.

        Of assignments that are not `live` any more the chain goes altogether once all of it is
        that old.
        """
        removed = 0
        for chain in self.chains():
            removed += chain.prune(before)
            epochs = chain.epochs()
            if chain.assignment not in live and (not epochs or epochs[-1] < before):
                removed += len(epochs)
                with self._lock:
                    del self._chains[chain.assignment], self._owners[chain.assignment]
                    self._durable.pop(chain.assignment, None)
                    self._signed.pop(chain.assignment, None)
                chain.close()
                remove(self._folder.receipts_of(chain.assignment))
        for root in self._roots:
            for path in list((root / REPLACED).glob("*")):
                if EpochFiles(path).last_epoch < before:
                    remove(path)
        return removed

    def flush(self) -> None:
        """Make every receipt durable. Raises the first error once all chains had their turn;
        nothing is forgotten.
        """
        with self._dirty_lock:
            dirty, self._dirty, self._has_news = self._dirty, set(), False
        problem: Exception | None = None
        with self._lock:
            self._name_chains(may_fail=True)
        for assignment in sorted(dirty):
            chain = self._chains.get(assignment)
            if chain is None:
                continue
            try:
                self._durable[assignment] = chain.flush()
            except Exception as error:
                with self._dirty_lock:
                    self._dirty.add(assignment)
                problem = problem or error
        if problem is not None:
            raise problem

    def close(self) -> None:
        """Flush and close all files."""
        for chain in self.chains():
            chain.close()
        self.signer.close()


def _receipts_in(root: Path, assignment: int) -> Path:
    return root / "receipts" / str(assignment)


def _replaced_in(root: Path, assignment: int, owner: _Owner) -> Path:
    return root / REPLACED / "-".join((str(assignment), *owner.write().decode().split()))


def _read_owner(folder: Path) -> _Owner | None:
    """Return whose an assignment's receipts are; None if there is nothing that says it."""
    path = folder / DEAL_FILE
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    with suppress(ValueError):
        deal, *offer = data.decode("ascii").split()
        return _Owner(int(deal), *offer[:1])
    set_aside(path, data, "which deal receipts belong to")
    path.unlink()
    receipts = sorted(folder.glob(f"*{SUFFIX}"))
    packed = receipts[0].read_bytes()[:RECEIPT_BYTES] if receipts else b""
    # Every receipt says it too.
    return _Owner(unpack_receipt(packed).deal) if len(packed) == RECEIPT_BYTES else None
