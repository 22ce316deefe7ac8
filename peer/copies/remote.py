"""Bring closed epochs to stores elsewhere, and answer asks from there once they are lost here."""

import logging
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from peer.chain_state.view import OpenAsk
from peer.copies.store import CopyStore, commitment_name, epoch_of, receipts_name
from peer.duties.answers import EvidencePlace
from peer.duties.commitments import Commitment, read_commitment
from peer.folder import PeerFolder
from peer.receipts.proofs import ReceiptTrees
from wasmarket.kernel.audits.evidence import Called, Summed
from wasmarket.kernel.documents.receipts import RECEIPT_BYTES
from wasmarket.kernel.errors import InvalidInput, MarketError

logger = logging.getLogger(__name__)

FETCHED_EPOCHS: Final = 2
"""How many epochs that were fetched to answer from are kept: a case asks about one."""


class RemoteCopies:
    """Brings stores up to date; one thread calls `step`, another one `prune`."""

    def __init__(self, folder: PeerFolder, stores: Sequence[CopyStore]) -> None:
        self._folder = folder
        self._stores = stores
        self._known: dict[str, dict[str, int]] = {}
        self._floor = 0

    @property
    def is_used(self) -> bool:
        """Whether there is any store."""
        return bool(self._stores)

    def step(self) -> None:
        """Copy the epochs that were closed. Raises the first error once all had their turn."""
        self._visit(self._bring)

    def prune(self, before: int) -> None:
        """Remove epochs below `before` from the stores. Raises as `step`."""
        self._floor = before
        self._visit(self._prune)

    def close(self) -> None:
        """Let go of connections."""
        for store in self._stores:
            store.close()

    def _visit(self, act: Callable[[CopyStore, dict[str, int]], None]) -> None:
        problem: Exception | None = None
        for store in self._stores:
            try:
                known = self._known.get(store.url)
                if known is None:
                    known = self._known[store.url] = store.sizes()
                act(store, known)
            except (MarketError, OSError) as error:
                # Whether it was done is not known: look again.
                self._known.pop(store.url, None)
                problem = problem or error
        if problem is not None:
            raise problem

    def _bring(self, store: CopyStore, known: dict[str, int]) -> None:
        for path in sorted(self._folder.commitments.glob("*.json")):
            if not path.stem.isdecimal() or int(path.stem) < self._floor:
                continue
            if commitment_name(int(path.stem)) in known:
                continue
            closed = read_commitment(self._folder.commitments, int(path.stem))
            if closed is not None:
                self._bring_epoch(store, known, closed)

    def _bring_epoch(self, store: CopyStore, known: dict[str, int], closed: Commitment) -> None:
        for summary in closed.summaries:
            name = receipts_name(summary.assignment, closed.epoch)
            source = self._folder.path / name
            size = summary.count * RECEIPT_BYTES
            if size and known.get(name) != size and source.exists():
                store.put(name, source)
                known[name] = size
        # Last: an epoch that is named there is there whole.
        name = commitment_name(closed.epoch)
        source = self._folder.path / name
        store.put(name, source)
        known[name] = source.stat().st_size
        logger.info("an epoch was copied", extra={"epoch": closed.epoch, "to": store.url})

    def _prune(self, store: CopyStore, known: dict[str, int]) -> None:
        for name in sorted(known):
            try:
                is_old = epoch_of(name) < self._floor
            except InvalidInput:
                # Not ours.
                continue
            if is_old:
                store.remove(name)
                del known[name]


class RemoteEvidence:
    """Answers from a store: what an ask needs is fetched into a folder first."""

    def __init__(self, store: CopyStore, folder: Path) -> None:
        """`folder` is for this alone; little stays in it."""
        self._store = store
        self._folder = folder

    def find(self, ask: OpenAsk, trees: ReceiptTrees) -> tuple[Summed, Called] | None:
        """Return what answers an ask, None if the store does not have it all.

        Raises as the store does, OSError.
        """
        folder = self._folder / str(ask.epoch)
        # Without the first the second, which may be large, proves nothing.
        for name in (commitment_name(ask.epoch), receipts_name(ask.assignment, ask.epoch)):
            target = folder / name
            if not target.exists() and not self._store.get(name, target):
                break
        found = EvidencePlace(folder).find(ask, trees)
        if found is None:
            # It may be whole the next time.
            shutil.rmtree(folder, ignore_errors=True)
        self._forget_old()
        return found

    def _forget_old(self) -> None:
        if not self._folder.exists():
            return
        kept = sorted(self._folder.iterdir(), key=lambda path: path.stat().st_mtime)
        for path in kept[:-FETCHED_EPOCHS]:
            shutil.rmtree(path)


def find_evidence(stores: Sequence[CopyStore], folder: Path) -> list[RemoteEvidence]:
    """Return the evidence in stores; what is fetched goes into folders below `folder`."""
    return [RemoteEvidence(store, folder / str(place)) for place, store in enumerate(stores)]
