"""Keep what a peer needs to answer for itself in other folders too, and take it back from there.

A copy has the layout of the peer's folder: `receipts/<assignment>/` and `commitments/`. Only what
is safe on the peer's own disk is copied, so that a copy is never ahead of what the peer goes on
from.
"""

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from peer.folder import PeerFolder, sync_folder, write_atomically
from peer.receipts.epoch_files import SUFFIX

logger = logging.getLogger(__name__)

CHUNK = 1 << 20


class ReceiptCopies:
    """Brings copies up to date; one thread calls it."""

    def __init__(
        self, folder: PeerFolder, places: Sequence[Path], flush: Callable[[], object]
    ) -> None:
        """`flush` makes receipts safe on the peer's own disk."""
        self._folder = folder
        self._places = places
        self._flush = flush

    def step(self) -> None:
        """Copy what is new. Raises the first error once all places had their turn."""
        if not self._places:
            return
        sizes = {path: path.stat().st_size for path in _list_files(self._folder.path)}
        self._flush()
        problem: OSError | None = None
        for place in self._places:
            try:
                for path, size in sizes.items():
                    _extend(path, place / path.relative_to(self._folder.path), size)
            except OSError as error:
                problem = problem or error
        if problem is not None:
            raise problem

    def prune(self, before: int) -> None:
        """Remove epochs below `before` from the copies."""
        for place in self._places:
            for path in list(_list_files(place)):
                if path.stem.isdecimal() and int(path.stem) < before:
                    path.unlink(missing_ok=True)


def restore_receipts(folder: PeerFolder, places: Sequence[Path]) -> int:
    """Take back what copies have and the folder lacks; return how many files that were.

    A file is replaced only by one that begins with all of it: nothing here is ever undone.
    """
    restored = 0
    for place in places:
        for path in _list_files(place):
            target = folder.path / path.relative_to(place)
            if _is_longer(path, target):
                target.parent.mkdir(parents=True, exist_ok=True)
                write_atomically(target, path.read_bytes())
                restored += 1
    if restored:
        logger.warning("receipts were restored from a copy", extra={"files": restored})
    return restored


def _list_files(root: Path) -> Iterator[Path]:
    yield from sorted((root / "receipts").glob(f"*/*{SUFFIX}"))
    yield from sorted((root / "receipts").glob("*/deal"))
    yield from sorted((root / "commitments").glob("*.json"))


def _extend(path: Path, target: Path, size: int) -> None:
    """Let a copy have the first `size` bytes of a file that only grows."""
    have = target.stat().st_size if target.exists() else 0
    if have >= size:
        return
    if path.suffix != SUFFIX:
        write_atomically(target, path.read_bytes())
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with path.open("rb") as source, target.open("ab") as copy:
        source.seek(have)
        while have < size and (chunk := source.read(min(CHUNK, size - have))):
            copy.write(chunk)
            have += len(chunk)
        copy.flush()
        os.fdatasync(copy.fileno())
    sync_folder(target.parent)


def _is_longer(path: Path, target: Path) -> bool:
    """Say whether a file begins with all that another holds, and has more."""
    if not target.exists():
        return path.stat().st_size > 0
    have = target.stat().st_size
    if path.stat().st_size <= have or path.suffix != SUFFIX:
        return False
    with path.open("rb") as long, target.open("rb") as short:
        while chunk := short.read(CHUNK):
            if long.read(len(chunk)) != chunk:
                return False
    return True
