"""Close epochs: fix each one's summaries and root in a file, then let the agent commit the root.

The file comes first and is never rewritten: whatever crashes afterwards, the same root is sent.
"""

import logging
from dataclasses import dataclass
from pathlib import Path

import msgspec

from peer.chain_state.view import ChainView
from peer.folder import write_atomically
from peer.receipts.heads import ReceiptsBehind
from peer.receipts.receipt_log import ReceiptLog
from wasmarket.kernel.addresses import to_hash
from wasmarket.kernel.documents.json_text import decode_json
from wasmarket.kernel.documents.merkle import MerkleTree
from wasmarket.kernel.documents.receipts import Summary, epoch_tree, pack_summary, unpack_summary
from wasmarket.kernel.errors import MarketError
from wasmarket.kernel.units import Hash
from wasmarket.serving.damage import set_aside

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Commitment:
    """An epoch as it was or will be committed; `summaries` by assignment."""

    peer: int
    epoch: int
    root: Hash
    summaries: tuple[Summary, ...]

    def tree(self) -> MerkleTree:
        """Return the tree whose root is committed."""
        return epoch_tree(self.summaries)


class _File(msgspec.Struct):
    peer: int
    epoch: int
    root: str
    summaries: list[str]


def last_closed(folder: Path) -> int:
    """Return the newest epoch that was closed in a folder of commitments, -1 if none was."""
    return max(
        (int(path.stem) for path in folder.glob("*.json") if path.stem.isdecimal()), default=-1
    )


class Commitments:
    """The closed epochs of one peer, a file each."""

    def __init__(self, folder: Path, book: ReceiptLog, epoch_seconds: int) -> None:
        self._folder = folder
        self._book = book
        self._seconds = epoch_seconds
        self._unsaved: dict[int, Commitment] = {}

    def prepare(self, chain_view: ChainView, epoch: int) -> Commitment:
        """Return the epoch's commitment, made and stored at the first call.

        From then on no receipt enters the epoch. Raises ReceiptsBehind rather than make a root
        without receipts that were signed or committed before: no pay is better than no bond.
        """
        known = self.get(epoch)
        if known is not None:
            return known
        for assignment, deal in self._concerned(chain_view, epoch):
            chain = self._book.open(assignment, deal)
            problem = chain.problem or self._book.signer.find_obstacle(assignment)
            if problem:
                raise ReceiptsBehind(
                    f"epoch {epoch} cannot be committed: {problem}",
                    remedy="restore the peer's folder from a copy that is not older",
                )
        try:
            self._book.close_epoch(epoch)
        except OSError:
            # What the disk does not take is still in memory; not to commit costs the pay.
            logger.exception("receipts are not durable yet", extra={"epoch": epoch})
        commitment = self._build(chain_view, epoch)
        self._unsaved[epoch] = commitment
        self._save_work(commitment)
        self._log(commitment)
        try:
            self.save()
        except OSError:
            logger.exception("the closed epoch is not stored yet", extra={"epoch": epoch})
        return commitment

    def has(self, chain_view: ChainView, epoch: int, root: Hash) -> bool:
        """Say whether a root was made from what is here; a file that is lost is made again."""
        known = self.get(epoch)
        if known is not None:
            return known.root == root
        built = self._build(chain_view, epoch)
        if built.root == root:
            self._unsaved[epoch] = built
        return built.root == root

    def save(self) -> None:
        """Store what is closed, for good. Raises OSError; the next call tries again.

        Before the root is sent, if the disk takes it: the same root is sent after a crash.
        """
        for epoch in sorted(self._unsaved):
            self._store(self._unsaved[epoch])
            del self._unsaved[epoch]

    def get(self, epoch: int) -> Commitment | None:
        """Return a closed epoch; None if it is open or was never closed."""
        if epoch in self._unsaved:
            return self._unsaved[epoch]
        return read_commitment(self._folder, epoch)

    def prune(self, before: int) -> None:
        """Remove epochs below `before`; the newest stays, since it says what is closed."""
        for path in sorted(self._folder.glob("*.json"))[:-1]:
            if int(path.stem) < before:
                path.unlink(missing_ok=True)

    def _save_work(self, commitment: Commitment) -> None:
        for summary in commitment.summaries:
            try:
                self._book.get(summary.assignment).save_work(commitment.epoch)
            except OSError:
                # It is counted again from the receipts as long as they are kept.
                logger.exception("work is not stored yet", extra={"epoch": commitment.epoch})

    def _build(self, chain_view: ChainView, epoch: int) -> Commitment:
        summaries = tuple(
            self._book.open(assignment, deal).summarize(chain_view.peer, epoch)
            for assignment, deal in self._concerned(chain_view, epoch)
        )
        root = to_hash(epoch_tree(summaries).root)
        return Commitment(chain_view.peer, epoch, root, summaries)

    def _concerned(self, chain_view: ChainView, epoch: int) -> list[tuple[int, int]]:
        """Return (assignment, deal) of all that were open in the epoch or have receipts of it.

        One that is dead counts until it is released: whoever asks about it must get an answer.
        """
        found: dict[int, int] = {
            assignment: span.deal
            for assignment, span in chain_view.spans.items()
            if span.touches(epoch, self._seconds)
        }
        for chain in self._book.chains():
            if epoch in chain.epochs():
                # What the chain says now comes first.
                found.setdefault(chain.assignment, chain.deal)
        return sorted(found.items())

    def _store(self, commitment: Commitment) -> None:
        file = _File(
            commitment.peer,
            commitment.epoch,
            commitment.root,
            [pack_summary(summary).hex() for summary in commitment.summaries],
        )
        write_atomically(_path(self._folder, commitment.epoch), msgspec.json.encode(file))

    def _log(self, commitment: Commitment) -> None:
        logger.info(
            "epoch closed",
            extra={
                "epoch": commitment.epoch,
                "root": commitment.root,
                "receipts": sum(summary.count for summary in commitment.summaries),
            },
        )


def read_commitment(folder: Path, epoch: int) -> Commitment | None:
    """Return a closed epoch out of a folder of commitments; None if it is not there whole."""
    path = _path(folder, epoch)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        file = decode_json(data, _File)
        summaries = tuple(unpack_summary(bytes.fromhex(packed)) for packed in file.summaries)
        is_whole = file.epoch == epoch and to_hash(epoch_tree(summaries).root) == file.root
    except (msgspec.DecodeError, ValueError, MarketError):
        is_whole = False
    if not is_whole:
        # The receipts are still here, from which it can be made again.
        set_aside(path, data, "a closed epoch")
        path.unlink(missing_ok=True)
        return None
    return Commitment(file.peer, file.epoch, Hash(file.root), summaries)


def _path(folder: Path, epoch: int) -> Path:
    return folder / f"{epoch:010d}.json"
