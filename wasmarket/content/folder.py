"""Keep blocks as files, one each, named by content id; what does not hash to its name is not there.

Many processes may share a folder: a block is written beside and moved into place, and its name
says what must be in it.
"""

import errno
import logging
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from wasmarket.kernel.documents.content_ids import Cid, check_block, parse_cid
from wasmarket.kernel.errors import (
    BadContent,
    Conflict,
    ContentNotFound,
    InvalidInput,
    LimitReached,
)

logger = logging.getLogger(__name__)

_LEFTOVER_SECONDS = 3_600
_DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


class BlockFolder:
    """Blocks in a folder, spread over at most 1,024 subfolders by the end of their id."""

    def __init__(self, root: Path) -> None:
        """Use `root`, made if missing; half-written files of a process that died are removed."""
        self.root = root
        self.damaged = 0
        self._temporary = root / "tmp"
        self._pins = root / "pins"
        self._blocks = root / "blocks"
        for folder in (self._temporary, self._pins, self._blocks):
            folder.mkdir(parents=True, exist_ok=True)
        self._remove_leftovers()

    def get(self, cid: Cid) -> bytes:
        """Return a block whose hash was checked just now.

        A damaged file is removed, counted in `damaged` and missing. Raises ContentNotFound.
        """
        path = self._path(cid)
        try:
            block = path.read_bytes()
        except FileNotFoundError:
            raise _missing(cid) from None
        try:
            check_block(cid, block)
        except BadContent as error:
            self.damaged += 1
            path.unlink(missing_ok=True)
            logger.warning("removed a damaged block", extra={"cid": str(cid), "path": str(path)})
            raise _missing(cid) from error
        return block

    def has(self, cid: Cid) -> bool:
        """Say whether there is a file for the block; `get` says whether it is whole."""
        return self._path(cid).is_file()

    def size(self, cid: Cid) -> int:
        """Return a block's bytes. Raises ContentNotFound."""
        try:
            return self._path(cid).stat().st_size
        except FileNotFoundError:
            raise _missing(cid) from None

    def age(self, cid: Cid) -> float:
        """Return the seconds since a block was stored. Raises ContentNotFound."""
        try:
            return time.time() - self._path(cid).stat().st_mtime
        except FileNotFoundError:
            raise _missing(cid) from None

    def put(self, cid: Cid, block: bytes) -> bool:
        """Keep a block on disk; return whether it was new.

        Raises BadContent if it does not hash to `cid`, LimitReached if the disk is full.
        """
        check_block(cid, block)
        path = self._path(cid)
        if self._holds(path, block):
            return False
        path.parent.mkdir(exist_ok=True)
        handle, name = tempfile.mkstemp(dir=self._temporary)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(block)
                file.flush()
                os.fsync(file.fileno())
            os.replace(name, path)
        except OSError as error:
            Path(name).unlink(missing_ok=True)
            if error.errno in _DISK_FULL:
                raise LimitReached(
                    f"no space left for {cid} in {self.root}", remedy="make room on the disk"
                ) from error
            raise
        return True

    def delete(self, cid: Cid) -> bool:
        """Remove a block; return whether it was there. Raises Conflict if it is pinned."""
        if self.is_pinned(cid):
            raise Conflict(f"{cid} is pinned", remedy="unpin it first")
        try:
            self._path(cid).unlink()
        except FileNotFoundError:
            return False
        return True

    def cids(self) -> Iterator[Cid]:
        """Yield the ids of all blocks, in no order."""
        for folder in self._blocks.iterdir():
            for path in folder.iterdir():
                try:
                    yield parse_cid(path.name)
                except InvalidInput:
                    logger.warning("not a block", extra={"path": str(path)})

    def total_bytes(self) -> int:
        """Return the bytes of all blocks together."""
        return sum(self.size(cid) for cid in self.cids() if self.has(cid))

    def pin(self, cid: Cid) -> None:
        """Guard a block, there or not yet, against `delete`; blocks below it are not pinned."""
        (self._pins / str(cid)).touch()

    def unpin(self, cid: Cid) -> None:
        """Take the guard away, if there is one."""
        (self._pins / str(cid)).unlink(missing_ok=True)

    def is_pinned(self, cid: Cid) -> bool:
        """Say whether a block is pinned."""
        return (self._pins / str(cid)).exists()

    def pins(self) -> set[Cid]:
        """Return the ids of all pinned blocks."""
        return {parse_cid(path.name) for path in self._pins.iterdir()}

    def _path(self, cid: Cid) -> Path:
        name = str(cid)
        return self._blocks / name[-3:-1] / name

    def _holds(self, path: Path, block: bytes) -> bool:
        try:
            return path.read_bytes() == block
        except FileNotFoundError:
            return False

    def _remove_leftovers(self) -> None:
        # Files of other live processes are younger; this is the file system's clock, no protocol.
        limit = time.time() - _LEFTOVER_SECONDS
        for path in self._temporary.iterdir():
            try:
                if path.stat().st_mtime < limit:
                    path.unlink()
            except FileNotFoundError:
                continue


def _missing(cid: Cid) -> ContentNotFound:
    return ContentNotFound(f"{cid} is not here", remedy="publish it, or name a source that has it")
