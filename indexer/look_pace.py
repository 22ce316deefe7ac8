"""When to look at a chain whose node does not tell of its blocks, and when at one that does."""

import time
from collections.abc import Callable
from urllib.parse import urlsplit

from wasmarket.chain.reading.heads import SAFETY_SECONDS
from wasmarket.serving.outgoing.proxies import is_loopback

QUICKEST = 0.1
"""Seconds between looks at a node on this machine, and at any from when a block is due."""


class LookPace:
    """When to look at the chain: soon where a block is due, rarely while the node tells."""

    def __init__(
        self,
        rpc_url: str,
        most: float,
        is_told: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`most`: seconds between looks, at most, at a node that does not tell."""
        self._is_near = is_loopback(urlsplit(rpc_url).hostname or "")
        self._most, self._is_told, self._clock = most, is_told, clock
        self._number: int | None = None
        self._seen_at = 0.0
        self._interval = 0.0

    def note(self, number: int) -> None:
        """Take note of the newest block."""
        if number == self._number:
            return
        now = self._clock()
        if self._number is not None and number > self._number:
            self._interval = (now - self._seen_at) / (number - self._number)
        self._number, self._seen_at = number, now

    def pause(self) -> float:
        """Return the seconds until the next look."""
        if self._is_told():
            return max(SAFETY_SECONDS, self._most)
        if self._is_near:
            return min(QUICKEST, self._most)
        due = self._seen_at + self._interval - self._clock()
        is_late = due < -self._interval
        return self._most if is_late or not self._interval else min(self._most, max(QUICKEST, due))
