"""One assignment's receipts on disk: appended, hash-chained, one file of records per epoch.

The epochs of a chain never go back. A call that ends after its epoch was closed (by a receipt of
a later epoch, or by the commitment) is recorded in the epoch that is open then, so that an epoch's
receipts are always one range of sequence numbers and a committed root stays true.
"""

import errno
import os
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path

import msgspec

from peer.folder import sync_folder, write_atomically
from peer.receipts.epoch_files import ChainHead, EpochFiles, read_records
from wasmarket.kernel.documents.epoch_tally import EpochTally
from wasmarket.kernel.documents.receipts import (
    RECEIPT_BYTES,
    WORK_BYTE,
    WORK_CALL,
    CallStatus,
    Summary,
    pack_fields,
    receipt_hash,
)
from wasmarket.kernel.errors import Conflict
from wasmarket.serving.damage import set_aside

WORK_FILE = "work"
"""How much work a chain has done up to the end of an epoch; receipts of old epochs go."""

REFUSED = int(CallStatus.REFUSED)

KEPT_TALLIES = 4
"""Epochs whose sums are in memory; those that are open or about to be committed."""


class CallRecord(msgspec.Struct, frozen=True, gc=False):
    """What happened in one call. Hashes of 32 bytes, `app` is the manifest's; `status` is a
    `CallStatus`; `size` the length of input and output; `time` chain seconds at its start.
    """

    app: bytes
    function: bytes
    input: bytes
    output: bytes
    status: int
    fuel: int
    size: int
    duration_us: int
    time: int


class ReceiptChain(EpochFiles):
    """Append and read the receipts of one assignment. Thread-safe."""

    def __init__(
        self, folder: Path, deal: int, assignment: int, epoch_seconds: int, floor: int = 0
    ) -> None:
        """Open the chain and cut off what a crash left unfinished; `floor`: first open epoch."""
        super().__init__(folder)
        self.deal = deal
        self.assignment = assignment
        self._seconds = epoch_seconds
        self._lock = threading.Lock()
        self._file = -1
        self._size = 0
        self._epoch = floor
        self._unsynced: list[int] = []
        self._tallies: dict[int, EpochTally] = {}
        self._tally_lock = threading.Lock()
        self._untallied: list[tuple[int, list[bytes]]] = []
        self.problem = ""
        """Why the chain must not go on, empty if it may."""
        self._head = self._recover(floor)
        self.work_done = self._count_work()
        """Work of all calls ever, as vouchers count it."""

    @property
    def head(self) -> ChainHead:
        """Return the newest receipt's number and hash."""
        return self._head

    def append(self, call: CallRecord) -> ChainHead:
        """Add a receipt and return its number and hash; it is safe from a kill at once."""
        return self.append_all((call,))[0]

    def append_all(self, calls: Sequence[CallRecord]) -> list[ChainHead]:
        """Add receipts of calls that began in one epoch by one write: all of them, or none.

        Raises OSError when the write fails, Conflict if the chain must not go on.
        """
        if self.problem:
            raise Conflict(self.problem, remedy="restore the peer's receipts from a copy")
        deal, assignment = self.deal, self.assignment
        heads, records = [], []
        with self._lock:
            epoch = max(calls[0].time // self._seconds, self._epoch)
            if epoch != self._epoch or self._file < 0:
                self._open(epoch)
            # A call of a closed epoch counts in the one that is open.
            earliest = epoch * self._seconds
            sequence, previous = self._head.sequence, self._head.hash
            work = 0
            for call in calls:
                # `call_work`, without a function call.
                if call.status != REFUSED:
                    work += WORK_CALL + call.fuel + WORK_BYTE * call.size
                sequence += 1
                packed = pack_fields(
                    deal,
                    assignment,
                    sequence,
                    call.app,
                    call.function,
                    call.input,
                    call.output,
                    call.status,
                    call.fuel,
                    call.size,
                    call.duration_us,
                    max(call.time, earliest),
                    previous,
                )
                # The receipt's hash, without a function call on the path of every call.
                previous = sha256(packed).digest()
                heads.append(ChainHead(sequence, previous))
                records.append(packed)
            self._write(b"".join(records))
            self._untallied.append((epoch, records))
            self._head = heads[-1]
            self.work_done += work
        return heads

    def flush(self) -> ChainHead:
        """Make every receipt so far safe from a power failure; return the head that is."""
        with self._lock:
            head, closing = self._head, self._unsynced
            current = os.dup(self._file) if self._file >= 0 else -1
            self._unsynced = []
        self._tally()
        problem: OSError | None = None
        for descriptor in (*closing, current):
            if descriptor < 0:
                continue
            try:
                os.fdatasync(descriptor)
            except OSError as error:
                problem = error
                if descriptor != current:
                    with self._lock:
                        self._unsynced.append(descriptor)
                    continue
            os.close(descriptor)
        if problem is not None:
            raise problem
        return head

    def close_epoch(self, epoch: int) -> None:
        """Let no further receipt into `epoch` or an earlier one."""
        with self._lock:
            if self._epoch <= epoch:
                self._retire()
                self._epoch = epoch + 1

    def close(self) -> None:
        """Flush and close the files."""
        with self._lock:
            self._retire()
        self.flush()

    def summarize(self, peer: int, epoch: int) -> Summary:
        """Return the summary of an epoch; call it once the epoch is closed."""
        self._tally()
        tally = self._tally_for(epoch)
        if tally.count:
            first, head = tally.first_sequence, tally.last_hash
        else:
            before = self.last_of(epoch)
            first, head = before.sequence + 1, before.hash
        return Summary(
            peer=peer,
            epoch=epoch,
            assignment=self.assignment,
            deal=self.deal,
            first_sequence=first,
            count=tally.count,
            fuel=tally.fuel,
            work=tally.work,
            receipts_root=tally.root,
            chain_head=head,
        )

    def save_work(self, epoch: int) -> None:
        """Write down how much work was done up to the end of an epoch that is closed.

        Raises OSError.
        """
        known, total = self._read_work()
        later = [e for e in self.epochs() if known < e <= epoch]
        if not later:
            return
        total += sum(self._tally_for(e).work for e in later)
        write_atomically(self._folder / WORK_FILE, b"%d %d" % (epoch, total))

    def prune(self, before: int) -> int:
        """Remove the receipts of epochs below `before`; return how many epochs went.

        The newest two stay: the chain goes on from the last receipt, and an epoch that is open is
        known by the receipt before it.
        """
        old = [epoch for epoch in self.epochs()[:-2] if epoch < before]
        for epoch in old:
            self.path_of(epoch).unlink(missing_ok=True)
        return len(old)

    def _tally_for(self, epoch: int) -> EpochTally:
        """Return the sums of an epoch, read again if they are not in memory any more."""
        with self._tally_lock:
            tally = self._tallies.get(epoch)
        if tally is None:
            tally = EpochTally()
            tally.add(self.read_epoch(epoch))
        return tally

    def _read_work(self) -> tuple[int, int]:
        """Return the epoch up to which work was written down, and how much it was."""
        try:
            epoch, total = (self._folder / WORK_FILE).read_bytes().split()
            return int(epoch), int(total)
        except (FileNotFoundError, ValueError):
            return -1, 0

    def _count_work(self) -> int:
        known, total = self._read_work()
        return total + sum(self._tally_for(epoch).work for epoch in self.epochs() if epoch > known)

    def _tally(self) -> None:
        """Add what was appended to the sums of its epochs, outside of the way of appends."""
        with self._tally_lock:
            with self._lock:
                pending, self._untallied = self._untallied, []
            for epoch, records in pending:
                self._tally_of(epoch).add(records)

    def _tally_of(self, epoch: int) -> EpochTally:
        tally = self._tallies.get(epoch)
        if tally is None:
            tally = self._tallies[epoch] = EpochTally()
            for old in sorted(self._tallies)[:-KEPT_TALLIES]:
                del self._tallies[old]
        return tally

    def _open(self, epoch: int) -> None:
        self._retire()
        self._folder.mkdir(parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        self._file = os.open(self.path_of(epoch), flags, 0o644)
        self._size = os.fstat(self._file).st_size
        self._epoch = epoch
        sync_folder(self._folder)

    def _write(self, packed: bytes) -> None:
        try:
            written = os.write(self._file, packed)
            if written < len(packed):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            # Half a record would put every later one out of place.
            os.ftruncate(self._file, self._size)
            raise
        self._size += len(packed)

    def _retire(self) -> None:
        if self._file >= 0:
            self._unsynced.append(self._file)
            self._file = -1

    def _recover(self, floor: int) -> ChainHead:
        """Keep the longest unbroken chain; what is below `floor` was synced and committed.

        What a crash left of a record is cut off. Whole records that do not follow are damaged, or
        come after one that is: their files are kept aside.
        """
        found = {e: self.path_of(e).read_bytes() for e in self.epochs() if e >= floor}
        head, kept = _follow(self.last_of(floor - 1), (self.deal, self.assignment), found)
        for epoch, data in found.items():
            path, size = self.path_of(epoch), kept.get(epoch, 0) * RECEIPT_BYTES
            if len(data) - size >= RECEIPT_BYTES:
                set_aside(path, data, f"receipts of assignment {self.assignment}")
            if size:
                self._epoch = epoch
                os.truncate(path, size)
                self._tally_of(epoch).add(list(read_records(data[:size])))
            else:
                path.unlink()
        return head


def _follow(
    head: ChainHead, names: tuple[int, int], found: Mapping[int, bytes]
) -> tuple[ChainHead, Counter[int]]:
    """Return the head of the longest chain from `head`, and how many records of each epoch it has.

    `names`: the deal and the assignment, which each record says.
    """
    heads: list[ChainHead] = [head]
    places: list[int] = []
    for epoch, data in found.items():
        for packed in read_records(data):
            if not packed.startswith(_words(*names, heads[-1].sequence + 1)):
                return heads[-1], Counter(places)
            if not packed.endswith(heads[-1].hash):
                # It tells the hash that the record before it had: that one is damaged too.
                return (heads[-2], Counter(places[:-1])) if places else (head, Counter())
            heads.append(ChainHead(heads[-1].sequence + 1, receipt_hash(packed)))
            places.append(epoch)
        if len(data) % RECEIPT_BYTES:
            break
    return heads[-1], Counter(places)


def _words(*numbers: int) -> bytes:
    return b"".join(number.to_bytes(32, "big") for number in numbers)
