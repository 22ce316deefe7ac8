"""A lock that many readers hold together, and a writer alone."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class SharedLock:
    """Readers wait for a writer that waits, so that it is never kept out. Not reentrant."""

    def __init__(self) -> None:
        """Begin free."""
        self._changed = threading.Condition()
        self._readers = 0
        self._writers = 0
        self._is_writing = False

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Hold it together with other readers."""
        with self._changed:
            self._changed.wait_for(lambda: not self._writers)
            self._readers += 1
        try:
            yield
        finally:
            self.leave_shared()

    def try_shared(self) -> bool:
        """Hold it together with other readers, if that needs no waiting; then `leave_shared`."""
        with self._changed:
            if self._writers:
                return False
            self._readers += 1
        return True

    def leave_shared(self) -> None:
        """Hold it no more as a reader."""
        with self._changed:
            self._readers -= 1
            self._changed.notify_all()

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold it alone."""
        with self._changed:
            self._writers += 1
            self._changed.wait_for(lambda: not self._readers and not self._is_writing)
            self._is_writing = True
        try:
            yield
        finally:
            with self._changed:
                self._writers -= 1
                self._is_writing = False
                self._changed.notify_all()
