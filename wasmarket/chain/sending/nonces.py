"""One owner of a key's nonces at a time, across threads and processes of this machine."""

import fcntl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wasmarket.kernel.errors import TimedOut

RETRY_SECONDS = 0.02


class NonceLock:
    """Held from reading a nonce until its transaction is broadcast.

    `path` names a lock file that all processes with this key share; None: this process only.
    The lock ends with the process, so a crash leaves nothing behind.
    """

    def __init__(self, path: Path | None = None, patience: float = 60.0) -> None:
        self._path = path
        self._patience = patience
        self._threads = threading.Lock()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Wait for the lock and hold it. Raises TimedOut after `patience` seconds."""
        deadline = time.monotonic() + self._patience
        if not self._threads.acquire(timeout=self._patience):
            raise TimedOut("another thread has been sending with this key for too long")
        try:
            if self._path is None:
                yield
                return
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("ab") as file:
                while not _try_lock(file.fileno()):
                    if time.monotonic() > deadline:
                        raise TimedOut(
                            "another process has been sending with this key for too long",
                            remedy=f"see which process holds {self._path}",
                        )
                    time.sleep(RETRY_SECONDS)
                yield
        finally:
            self._threads.release()


def _try_lock(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
