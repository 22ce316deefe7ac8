"""Remember the nonces of signed requests in files: over restarts, and for all that share a folder.

A nonce lies in the file of the hour in which its request expires, so that whole files are let go.
What was used survives a kill of the process at any point; a power cut may forget the last moment
before it (`SYNC_SECONDS`).
"""

import asyncio
import errno
import fcntl
import os
import threading
import zlib
from pathlib import Path
from typing import Final

from wasmarket.kernel.addresses import raw
from wasmarket.kernel.errors import Unreachable
from wasmarket.kernel.signing.requests import MAX_LIFETIME, Credentials
from wasmarket.serving.auth import refuse_used
from wasmarket.serving.damage import set_aside

SYNC_SECONDS: Final = 0.2
_RECORD: Final = 56
"""Bytes of a nonce in a file: the account, the nonce, a checksum."""
_SUFFIX: Final = ".nonces"


class _Hour:
    """The nonces of the requests that expire within one stretch of MAX_LIFETIME seconds."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        self.is_dirty = False
        self._seen: set[bytes] = set()
        self._read = 0

    def add(self, key: bytes) -> bool:
        """Remember a nonce; False if it is known, to whichever process. Raises OSError."""
        fcntl.flock(self.descriptor, fcntl.LOCK_EX)
        try:
            self._read_on()
            if key in self._seen:
                return False
            # What a crash or a full disk left of a record is written over.
            if os.fstat(self.descriptor).st_size > self._read:
                os.ftruncate(self.descriptor, self._read)
            record = key + _check(key)
            written = os.write(self.descriptor, record)
            if written != len(record):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        finally:
            fcntl.flock(self.descriptor, fcntl.LOCK_UN)
        self._seen.add(key)
        self._read += _RECORD
        self.is_dirty = True
        return True

    def _read_on(self) -> None:
        """Take in what others have added."""
        size = os.fstat(self.descriptor).st_size
        while size - self._read >= _RECORD:
            wanted = min(size - self._read, 4096 * _RECORD) // _RECORD * _RECORD
            data = os.pread(self.descriptor, wanted, self._read)
            records = [data[i : i + _RECORD] for i in range(0, wanted, _RECORD)]
            whole = [r[:-4] for r in records if _check(r[:-4]) == r[-4:]]
            self._seen.update(whole)
            if len(whole) < len(records):
                set_aside(self._path, data, "nonces of signed requests: some may be used again")
            self._read += wanted


class NonceFiles:
    """A `serving.auth.NonceBook` in a folder. Safe to share between threads and processes."""

    def __init__(self, folder: Path) -> None:
        """Keep them in `folder`, which is made."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._lock = threading.Lock()
        self._hours: dict[int, _Hour] = {}

    def use(self, credentials: Credentials, now: int) -> None:
        """Remember a nonce. Raises Conflict if it was used before, Unreachable for a full disk."""
        number = credentials.expires // MAX_LIFETIME
        key = raw(credentials.address) + raw(credentials.nonce)
        with self._lock:
            try:
                hour = self._hours.get(number) or self._open(number, now)
                is_new = hour.add(key)
            except OSError as error:
                raise Unreachable(
                    f"signed requests cannot be remembered: {error}",
                    remedy="send it elsewhere, or again when the operator has made room",
                ) from error
        if not is_new:
            refuse_used()

    def sync(self) -> None:
        """Make durable what was used."""
        with self._lock:
            dirty = [hour for hour in self._hours.values() if hour.is_dirty]
            for hour in dirty:
                hour.is_dirty = False
            # A duplicate, so that the file may be let go meanwhile.
            descriptors = [os.dup(hour.descriptor) for hour in dirty]
        problem: OSError | None = None
        for hour, descriptor in zip(dirty, descriptors, strict=True):
            try:
                os.fdatasync(descriptor)
            except OSError as error:
                hour.is_dirty = True
                problem = error
            finally:
                os.close(descriptor)
        if problem is not None:
            raise problem

    async def keep(self) -> None:
        """Sync in a thread, if there is anything new. Raises OSError; the next call tries again."""
        if any(hour.is_dirty for hour in tuple(self._hours.values())):
            await asyncio.to_thread(self.sync)

    def close(self) -> None:
        """Sync, and let go of the files."""
        self.sync()
        with self._lock:
            for hour in self._hours.values():
                os.close(hour.descriptor)
            self._hours.clear()

    def _open(self, number: int, now: int) -> _Hour:
        """Return a file that is not open yet, and remove those of long ago."""
        # One more stretch than is needed: a reorg may take time back.
        oldest = now // MAX_LIFETIME - 1
        for known in [known for known in self._hours if known < oldest]:
            os.close(self._hours.pop(known).descriptor)
        for path in self._folder.iterdir():
            name = path.name.partition(".")[0]
            if name.isdecimal() and int(name) < oldest:
                path.unlink(missing_ok=True)
        hour = self._hours[number] = _Hour(self._folder / f"{number}{_SUFFIX}")
        return hour


def _check(key: bytes) -> bytes:
    return zlib.crc32(key).to_bytes(4, "big")
