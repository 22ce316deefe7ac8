"""A page of memory that a worker shares with its supervisor: how far it is, what it has to say.

A worker takes several calls at once and answers them together, which saves most of the switching
between the two processes. Should it die in the middle, the page still tells which call was running,
and holds the answers of those that were over: no call is lost, and none is run twice.
"""

import fcntl
import mmap
import os
import socket
import struct
import threading
import time
from typing import Final

from peer.runtime.messages import split_frames

PAGE_BYTES: Final = 256 << 10
# The longest that an answer waits for others while the worker goes on.
HOLD_SECONDS: Final = 0.001
_NUMBER: Final = struct.Struct("<Q")
_BEGUN, _FIRST, _SIZE, _ROOM = 0, 8, 16, 24
_SEALS: Final = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL


def make_page() -> int:
    """Return the descriptor of a new page, whose size nobody can change any more."""
    descriptor = os.memfd_create("outbox", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(descriptor, PAGE_BYTES)
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _SEALS)
    return descriptor


class PageWriter:
    """The worker's end. Answers go into the page, then over the socket in one piece.

    The thread that runs calls adds; another may `flush`, so that a slow call does not hold up the
    answers before it.
    """

    def __init__(self, page: int, channel: socket.socket) -> None:
        self._page = mmap.mmap(page, PAGE_BYTES)
        self._channel = channel
        self._lock = threading.Lock()
        self._begun = 0
        self._sent = 0
        self._held = 0
        self._size = 0
        self._since = 0.0

    @property
    def begun(self) -> int:
        """Return how many calls have begun."""
        return self._begun

    def begin(self) -> None:
        """Say that the next call runs now."""
        self._begun += 1
        _NUMBER.pack_into(self._page, _BEGUN, self._begun)

    def add(self, frame: bytes) -> None:
        """Keep an answer, or send it with those that are kept."""
        now = time.monotonic()
        with self._lock:
            end = _ROOM + self._size + len(frame)
            if end > PAGE_BYTES:
                self._flush()
                self._channel.sendall(frame)
                self._mark_sent(1)
                return
            self._page[end - len(frame) : end] = frame
            if not self._size:
                self._since = now
            self._size += len(frame)
            self._held += 1
            # NOTE: last of all, so that half an answer is never taken for one.
            _NUMBER.pack_into(self._page, _SIZE, self._size)
            if now - self._since > HOLD_SECONDS:
                self._flush()

    def flush(self) -> None:
        """Send what is kept."""
        if self._size:
            with self._lock:
                self._flush()

    def send(self, frame: bytes) -> None:
        """Send a message that is no answer, behind the answers that are kept."""
        with self._lock:
            self._flush()
            self._channel.sendall(frame)

    def _flush(self) -> None:
        if self._size:
            self._channel.sendall(self._page[_ROOM : _ROOM + self._size])
            self._size = 0
            _NUMBER.pack_into(self._page, _SIZE, 0)
            held, self._held = self._held, 0
            self._mark_sent(held)

    def _mark_sent(self, count: int) -> None:
        self._sent += count
        _NUMBER.pack_into(self._page, _FIRST, self._sent)


class PageReader:
    """The supervisor's end; it is read when the worker has died."""

    def __init__(self, page: int) -> None:
        self._page = mmap.mmap(page, PAGE_BYTES, prot=mmap.PROT_READ)

    @property
    def begun(self) -> int:
        """Return how many calls have begun."""
        return self._read(_BEGUN)

    def read_left(self, received: int) -> list[bytes]:
        """Return the answers that were kept, without those that were `received`."""
        size = min(self._read(_SIZE), PAGE_BYTES - _ROOM)
        kept = bytearray(self._page[_ROOM : _ROOM + size])
        return split_frames(kept)[max(received - self._read(_FIRST), 0) :]

    def close(self) -> None:
        """Give the page back."""
        self._page.close()

    def _read(self, at: int) -> int:
        (number,) = _NUMBER.unpack_from(self._page, at)
        return int(number)
