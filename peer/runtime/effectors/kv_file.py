"""Keep keys and values in one file that only grows, until what is dead in it is left behind.

Each change is one record: checksum, lengths, key, value. A record that a crash cut off is not
there. Keys are held in memory, values are read from the file.
"""

import asyncio
import os
import struct
import zlib
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from peer.folder import PRIVATE, write_atomically
from wasmarket.serving.damage import set_aside

HEAD: Final = struct.Struct("<IHI")
CHECKED: Final = struct.Struct("<HI")
REMOVED: Final = 0xFFFF_FFFF
MOST_SEARCHED: Final = 256 << 20
"""Bytes that are looked at to find whole records behind damaged ones."""
MIN_WASTE: Final = 1 << 20
"""Bytes of dead records below which a file is not written anew."""


class KvFull(Exception):
    """The service's key-value store is full"""


@dataclass(frozen=True, slots=True)
class KvLimits:
    """What one service may keep: bytes of keys and values, keys, bytes of one."""

    total_bytes: int = 64 << 20
    keys: int = 65_536
    key_bytes: int = 512
    value_bytes: int = 1 << 20


class KvFile:
    """An open store. For one event loop; changes are durable once `sync` has returned.

    Whoever changes it holds `changing`, so that a look and a change are one step.
    """

    def __init__(self, path: Path, limits: KvLimits | None = None) -> None:
        """Open or make the store at `path`; raise OSError."""
        self.limits = limits or KvLimits()
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, PRIVATE)
        self._index: dict[bytes, tuple[int, int]] = {}
        self._sorted: list[bytes] = []
        self._live = 0
        self._end = 0
        self._synced = 0
        self._syncing: asyncio.Task[None] | None = None
        self.changing = asyncio.Lock()
        self._load()

    @property
    def live_bytes(self) -> int:
        """Return the bytes of all keys and values."""
        return self._live

    def get(self, key: bytes) -> bytes | None:
        """Return a value, None if there is none."""
        place = self._index.get(key)
        return None if place is None else os.pread(self._file, place[1], place[0])

    def put(self, key: bytes, value: bytes) -> None:
        """Set a value. Raises KvFull, or OSError with the store as it was."""
        old = self._index.get(key)
        growth = len(value) - old[1] if old else len(key) + len(value)
        if self._live + growth > self.limits.total_bytes:
            raise KvFull(f"the store may have {self.limits.total_bytes} bytes")
        if old is None and len(self._index) >= self.limits.keys:
            raise KvFull(f"the store may have {self.limits.keys} keys")
        at = self._append(key, value, len(value))
        self._index[key] = (at, len(value))
        if old is None:
            insort(self._sorted, key)
        self._live += growth

    def delete(self, key: bytes) -> None:
        """Remove a value, if there is one. Raises OSError with the store as it was."""
        old = self._index.get(key)
        if old is None:
            return
        self._append(key, b"", REMOVED)
        self._forget(key, old[1])

    def list_keys(self, prefix: bytes, after: bytes, limit: int) -> list[bytes]:
        """Return at most `limit` keys with this prefix that come behind `after`, in order."""
        start = max(bisect_left(self._sorted, prefix), bisect_right(self._sorted, after))
        found = []
        for key in self._sorted[start : start + limit]:
            if not key.startswith(prefix):
                break
            found.append(key)
        return found

    async def sync(self) -> None:
        """Wait until all changes so far are on the disk; many may wait for the same write."""
        target = self._end
        while self._synced < target:
            if self._syncing is None:
                self._syncing = asyncio.ensure_future(self._write_through())
            await asyncio.shield(self._syncing)

    async def compact(self) -> None:
        """Write the file anew when most of it is dead. For who holds `changing`. Raises OSError."""
        waste = self._end - self._live - len(self._index) * HEAD.size
        if waste < max(self._live, MIN_WASTE):
            return
        await self.sync()
        old = self._file
        self._file, self._index, self._end = await asyncio.to_thread(self._rewrite)
        self._synced = self._end
        os.close(old)

    def _rewrite(self) -> tuple[int, dict[bytes, tuple[int, int]], int]:
        """Return a new file, where everything is in it, and its end; the old one stays open."""
        data, index = bytearray(), {}
        for key, (place, size) in self._index.items():
            data += _encode(key, os.pread(self._file, size, place), size)
            index[key] = (len(data) - size, size)
        write_atomically(self._path, bytes(data), PRIVATE)
        return os.open(self._path, os.O_RDWR), index, len(data)

    async def close(self) -> None:
        """Close the file after what is being written."""
        await self.sync()
        os.close(self._file)

    async def _write_through(self) -> None:
        mark = self._end
        try:
            await asyncio.to_thread(os.fdatasync, self._file)
            self._synced = mark
        finally:
            self._syncing = None

    def _append(self, key: bytes, value: bytes, size: int) -> int:
        """Write a record and return where its value is."""
        record = _encode(key, value, size)
        written = 0
        try:
            while written < len(record):
                written += os.pwrite(self._file, record[written:], self._end + written)
        except OSError:
            os.ftruncate(self._file, self._end)
            raise
        at = self._end + len(record) - len(value)
        self._end += len(record)
        return at

    def _forget(self, key: bytes, size: int) -> None:
        del self._index[key]
        del self._sorted[bisect_left(self._sorted, key)]
        self._live -= len(key) + size

    def _load(self) -> None:
        data = self._path.read_bytes()
        whole, is_damaged = 0, False
        for key, at, size, end in _read_records(data, self.limits):
            is_damaged |= end - _length(key, size) != whole
            old = self._index.pop(key, None)
            if old is not None:
                self._live -= len(key) + old[1]
            if size != REMOVED:
                self._index[key] = (at, size)
                self._live += len(key) + size
            whole = end
        self._end = self._synced = whole
        self._sorted = sorted(self._index)
        if is_damaged:
            # Everything that is whole goes on, in a file without the rest.
            set_aside(self._path, data, "records of a key-value store")
            old_file = self._file
            self._file, self._index, self._end = self._rewrite()
            self._synced = self._end
            os.close(old_file)
        elif whole < len(data):
            set_aside(self._path, data[whole:], "the last record of a key-value store")
            os.ftruncate(self._file, whole)


def _length(key: bytes, size: int) -> int:
    return HEAD.size + len(key) + (0 if size == REMOVED else size)


def _encode(key: bytes, value: bytes, size: int) -> bytes:
    lengths = CHECKED.pack(len(key), size)
    return struct.pack("<I", zlib.crc32(lengths + key + value)) + lengths + key + value


def _read_records(data: bytes, limits: KvLimits) -> Iterator[tuple[bytes, int, int, int]]:
    """Yield key, offset and size of the value, and the end of each whole record.

    What is damaged is passed over, up to the next record that is whole.
    """
    at, patience = 0, MOST_SEARCHED
    while at + HEAD.size <= len(data) and patience > 0:
        checksum, key_size, size = HEAD.unpack_from(data, at)
        start = at + HEAD.size + key_size
        end = start if size == REMOVED else start + size
        is_sane = key_size <= limits.key_bytes and (size == REMOVED or size <= limits.value_bytes)
        if end <= len(data) and is_sane:
            if zlib.crc32(memoryview(data)[at + 4 : end]) == checksum:
                yield data[at + HEAD.size : start], start, size, end
                at = end
                continue
            patience -= end - at
        at += 1
