"""Keep what costs much to count until the store changes: who asks often is told the same."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from wasmarket.store.chain.events import fetch_stamp
from wasmarket.store.database import Session

Value = TypeVar("Value")


class PerBlock(Generic[Value]):
    """One value as of the newest state of the store; safe to share between threads."""

    def __init__(self) -> None:
        """Begin without a value."""
        self._lock = threading.Lock()
        self._stamp: tuple[str | None, int, int] | None = None
        self._value: Value | None = None

    def get(self, session: Session, build: Callable[[], Value]) -> Value:
        """Return the value as of the session's state; `build` makes it if it is not known.

        Of several who ask at once one counts and the others wait for it.
        """
        stamp = fetch_stamp(session)
        with self._lock:
            if self._value is None or stamp != self._stamp:
                self._value, self._stamp = build(), stamp
            return self._value
