"""Remember who uploaded what and when; bound it, and let it go when nobody needs it any more.

One line of JSON per upload in `uploads.jsonl` beside the blocks, later lines replacing earlier
ones. Processes that share the folder take turns by a file lock and read what others wrote.
"""

import fcntl
import json
import os
import secrets
import threading
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from wasmarket.content.folder import BlockFolder
from wasmarket.content.retention import needed_by, pinned
from wasmarket.kernel.documents.content_ids import Cid, parse_cid
from wasmarket.kernel.errors import InvalidInput, LimitReached
from wasmarket.kernel.units import Address, Hash, Timestamp
from wasmarket.serving.damage import set_aside

RETENTION_SECONDS = 7 * 86_400
SIGNER_BYTES = 256 * 1024 * 1024
TOTAL_BYTES = 16 * 1024 * 1024 * 1024
STRANGER_SHARE = 0.5
LEAST_CHARGE = 4_096
"""Bytes that a block counts at least: small files take a page of disk too."""


@dataclass(frozen=True, slots=True)
class Quota:
    """Bytes that one signer and all together may keep, and for how many seconds of chain time."""

    signer_bytes: int = SIGNER_BYTES
    total_bytes: int = TOTAL_BYTES
    retention_seconds: int = RETENTION_SECONDS
    stranger_share: float = STRANGER_SHARE
    """What part of `total_bytes` all together may keep who pay for no deal: keys cost nothing."""


@dataclass(frozen=True, slots=True)
class Upload:
    """That a signer uploaded a block of `size` bytes, last at chain time `time`."""

    signer: Address
    cid: Cid
    size: int
    time: int

    @property
    def charge(self) -> int:
        """Return the bytes that count against the quota."""
        return max(self.size, LEAST_CHARGE)


class UploadLedger:
    """The uploads of a block folder."""

    def __init__(
        self,
        folder: BlockFolder,
        quota: Quota,
        pays: Callable[[Address], bool] = lambda _: True,
    ) -> None:
        """Keep the ledger of `folder`, empty at first, within `quota`.

        `pays` says who pays for a deal: some room is kept for those.
        """
        self.pays = pays
        self._folder = folder
        self._quota = quota
        self._path = folder.root / "uploads.jsonl"
        self._lock_path = folder.root / "uploads.lock"
        self._thread_lock = threading.Lock()
        self._generation = b""
        self._read_to = 0
        self._uploads: dict[tuple[Address, Cid], Upload] = {}
        self._used: dict[Address, int] = {}

    def used_by(self, signer: Address) -> int:
        """Return the bytes that count against a signer's quota."""
        with self._turn():
            return self._used.get(signer, 0)

    def check_room(self, signer: Address, size: int) -> None:
        """Raise LimitReached if a signer who keeps nothing here cannot keep `size` bytes.

        To be asked before a body is read. Of who keeps something only the blocks themselves say
        whether they are new.
        """
        with self._turn():
            if not self._used.get(signer):
                self._check_room(signer, size)

    def admit(
        self, signer: Address, blocks: Iterable[tuple[Cid, int]], now: Timestamp
    ) -> Timestamp:
        """Count blocks and their sizes as uploaded now, before they are stored, all or none.

        Return until when they are kept at least. Raises LimitReached.
        """
        with self._turn():
            uploads = {cid: Upload(signer, cid, size, now) for cid, size in blocks}
            fresh = sum(
                upload.charge
                for cid, upload in uploads.items()
                if (signer, cid) not in self._uploads
            )
            self._check_room(signer, fresh)
            self._append(uploads.values())
        return Timestamp(now + self._quota.retention_seconds)

    def collect_garbage(self, live_apps: Collection[Hash], now: Timestamp) -> list[Cid]:
        """Forget uploads older than the retention that no live app needs; return what was removed.

        An upload that a live app needs counts as made now, so it outlives its deal by the
        retention. Blocks that were never uploaded, or are pinned, stay.
        """
        with self._turn():
            live = needed_by(live_apps, self._folder.get)
            before = {cid for _, cid in self._uploads}
            pins = pinned(self._folder)
            kept = [
                Upload(u.signer, u.cid, u.size, now) if u.cid in live else u
                for u in self._uploads.values()
                if u.cid in live or u.cid in pins or u.time + self._quota.retention_seconds > now
            ]
            # The ledger goes last: a crash before leaves entries without blocks, which the next
            # run removes, never blocks without entries, which nobody would.
            gone = before - {u.cid for u in kept}
            removed = sorted(cid for cid in gone if self._folder.delete(cid))
            self._rewrite(kept)
        return removed

    def _check_room(self, signer: Address, fresh: int) -> None:
        used = self._used.get(signer, 0)
        if fresh and used + fresh > self._quota.signer_bytes:
            raise LimitReached(
                f"{signer} keeps {used} of {self._quota.signer_bytes} bytes here, "
                f"this needs {fresh} more",
                remedy="wait until older uploads expire, or publish to another gateway",
            )
        if fresh and not self.pays(signer):
            strangers = sum(bytes_ for who, bytes_ in self._used.items() if not self.pays(who))
            allowed = int(self._quota.total_bytes * self._quota.stranger_share)
            if strangers + fresh > allowed:
                raise LimitReached(
                    f"this gateway keeps {strangers} of {allowed} bytes for accounts without a "
                    f"deal, this needs {fresh} more",
                    remedy="publish to another gateway or IPFS node; accounts with a deal have "
                    "room of their own",
                )
        total = sum(self._used.values())
        if fresh and total + fresh > self._quota.total_bytes:
            raise LimitReached(
                f"this gateway keeps {total} of {self._quota.total_bytes} bytes, "
                f"this needs {fresh} more",
                remedy="publish to another gateway or IPFS node",
            )

    @contextmanager
    def _turn(self) -> Iterator[None]:
        with self._thread_lock, self._lock_path.open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._catch_up()
            yield

    def _catch_up(self) -> None:
        """Apply what was written since; start over if the file was rewritten."""
        if not self._path.exists():
            self._forget()
            return
        with self._path.open("rb+") as file:
            first = file.readline()
            if first != self._generation or file.seek(0, os.SEEK_END) < self._read_to:
                self._forget()
                self._generation, self._read_to = first, len(first)
            file.seek(self._read_to)
            data = file.read()
            whole = data[: data.rfind(b"\n") + 1]
            if len(whole) != len(data):
                # A process died while it wrote this line, so nobody was told that it counts.
                file.truncate(self._read_to + len(whole))
        for line in whole.splitlines():
            self._apply(line)
        self._read_to += len(whole)

    def _apply(self, line: bytes) -> None:
        try:
            text, separator, check = line.partition(b"\t")
            if separator and check != _check(text):
                raise ValueError("the checksum does not fit")
            row = json.loads(text)
            upload = Upload(Address(row["signer"]), parse_cid(row["cid"]), row["size"], row["time"])
        except (ValueError, KeyError, TypeError, RecursionError, InvalidInput):
            set_aside(self._path, line, "a line of the ledger of uploads")
            return
        self._remember(upload)

    def _remember(self, upload: Upload) -> None:
        key = (upload.signer, upload.cid)
        old = self._uploads.get(key)
        self._uploads[key] = upload
        more = upload.charge - (old.charge if old else 0)
        self._used[upload.signer] = self._used.get(upload.signer, 0) + more

    def _append(self, uploads: Iterable[Upload]) -> None:
        data = b"".join(_line(upload) for upload in uploads)
        if not self._path.exists():
            self._rewrite(())
        with self._path.open("ab") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        self._catch_up()

    def _rewrite(self, uploads: Iterable[Upload]) -> None:
        beside = self._path.with_suffix(".new")
        with beside.open("wb") as file:
            # A fresh first line tells the other processes to start over.
            file.write(b"%s\n" % secrets.token_hex(16).encode())
            file.writelines(_line(upload) for upload in uploads)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, self._path)
        self._catch_up()

    def _forget(self) -> None:
        self._generation = b""
        self._read_to = 0
        self._uploads.clear()
        self._used.clear()


def _line(upload: Upload) -> bytes:
    row = {
        "signer": upload.signer,
        "cid": str(upload.cid),
        "size": upload.size,
        "time": upload.time,
    }
    text = json.dumps(row, separators=(",", ":")).encode()
    return text + b"\t" + _check(text) + b"\n"


def _check(text: bytes) -> bytes:
    return b"%08x" % zlib.crc32(text)
